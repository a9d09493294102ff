"""diff: what differs between two backups, or a backup and the file itself.

Judged by Python's sqlite3 on copies of the two states and by set arithmetic; values by storage class and exact bytes."""
import base64
import collections
import json
import random
import shutil
import sqlite3
import struct
import subprocess
import sys

import pytest

CHANGES = ("added", "removed", "changed")


class Text(bytes):
    """TEXT as its bytes; bytes alone are a BLOB."""


def token(value):
    """A value with its storage class, exact."""
    if value is None:
        return ("null",)
    if isinstance(value, int):
        return ("integer", value)
    if isinstance(value, float):
        return ("real", struct.pack("<d", value))
    return ("text" if isinstance(value, Text) else "blob", bytes(value))


def json_token(value):
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        assert kind in ("$base64", "$text_base64")
        return ("blob" if kind == "$base64" else "text", base64.b64decode(text))
    if isinstance(value, str):
        return ("text", value.encode())
    return token(value)


def json_row(row):
    return None if row is None else tuple((name, json_token(value)) for name, value in row.items())


def read_table(path, table, key):
    """[(key, row)], each a tuple of (column, value)."""
    db = sqlite3.connect(path)
    db.text_factory = Text
    quoted = '"' + table.replace('"', '""') + '"'
    cursor = db.execute(f"SELECT {'rowid, ' if key is None else ''}* FROM {quoted}")
    names = [d[0] for d in cursor.description]
    names = [n.decode() if isinstance(n, bytes) else n for n in names]
    out = []
    for values in cursor:
        row = tuple((n, token(v)) for n, v in zip(names, values))
        if key is None:
            out.append(((("_rowid_", row[0][1]),), row[1:]))
        else:
            out.append((tuple((k, dict(row)[k]) for k in key), row))
    db.close()
    return out


def expected(before, after, table, key):
    """What must be told of a table: the rows that have no equal on the other side, and how many of each change."""
    a, b = (collections.Counter(read_table(path, table, key)) for path in (before, after))
    old, new = a - b, b - a
    keys_old, keys_new = collections.Counter(), collections.Counter()
    for (k, _), n in old.items():
        keys_old[k] += n
    for (k, _), n in new.items():
        keys_new[k] += n
    changed = sum((keys_old & keys_new).values())
    counts = {"added": sum(keys_new.values()) - changed, "removed": sum(keys_old.values()) - changed, "changed": changed}
    return old, new, counts, sum(a.values()), sum(b.values())


def run_diff(litekeep, *args, **options):
    """(the last document, {table: [line]})"""
    return by_table(litekeep("diff", "--json", "--rows", *args, **options))


def by_table(done):
    lines = done.json_lines()
    assert lines[-1]["type"] == "diff" and all(line["type"] == "row" for line in lines[:-1])
    rows = collections.defaultdict(list)
    for line in lines[:-1]:
        rows[line["table"]].append(line)
    return lines[-1], rows


def check(document, rows, before, after, tables):
    """`tables`: name -> key columns, or None for the hidden rowid."""
    told = {t["name"]: t for t in document["tables"]}
    assert set(told) == set(tables)
    for name, key in tables.items():
        old, new, counts, rows_before, rows_after = expected(before, after, name, key)
        t = told[name]
        assert {c: t[c] for c in CHANGES} == counts, name
        assert (t["rows_before"], t["rows_after"]) == (rows_before, rows_after), name
        listed_old, listed_new, listed = collections.Counter(), collections.Counter(), collections.Counter()
        for line in rows.get(name, []):
            k = json_row(line["key"])
            listed[line["change"]] += 1
            assert (line["before"] is None) == (line["change"] == "added")
            assert (line["after"] is None) == (line["change"] == "removed")
            if line["before"] is not None:
                listed_old[(k, json_row(line["before"]))] += 1
            if line["after"] is not None:
                listed_new[(k, json_row(line["after"]))] += 1
        assert listed_old == old, name
        assert listed_new == new, name
        assert {c: listed[c] for c in CHANGES} == counts, name
        if key is None:
            order = [line["key"]["_rowid_"] for line in rows.get(name, [])]
            assert order == sorted(order)
    return told


# ---- Random tables

SHAPES = {
    "hidden": ("CREATE TABLE %s (a, b, c)", None),
    "alias": ("CREATE TABLE %s (a INTEGER PRIMARY KEY, b, c TEXT)", ["a"]),
    "text key": ("CREATE TABLE %s (a TEXT PRIMARY KEY, b REAL, c)", ["a"]),
    "untyped key": ("CREATE TABLE %s (b, a PRIMARY KEY, c NUMERIC)", ["a"]),
    "nocase": ("CREATE TABLE %s (a TEXT PRIMARY KEY COLLATE NOCASE, b, c) WITHOUT ROWID", ["a"]),
    "composite": ("CREATE TABLE %s (a, b, c, PRIMARY KEY (c, a))", ["c", "a"]),
    'we"ird ü': ("CREATE TABLE %s (a, b, c, PRIMARY KEY (b DESC, a)) WITHOUT ROWID", ["b", "a"]),
}


def some_value(r, narrow=False):
    kind = r.randrange(12 if not narrow else 6)
    if kind < 3:
        return r.randrange(-5, 40)
    if kind < 5:
        return r.choice(["a", "A", "é", "b\x00c", "x\ty", "\x7f", ""]) + str(r.randrange(8))
    if kind == 5:
        return None
    if kind < 8:
        return r.choice([0.0, -0.0, 1.0, 1.5, 1e300, float("inf"), -2.25])
    if kind < 10:
        return r.choice([b"", b"\x00\xff", b"abc"])
    return r.choice([2**63 - 1, -2**63, 10**15])


def fill(db, r, name, count, raw=True):
    quoted = '"' + name.replace('"', '""') + '"'
    for _ in range(count):
        row = [some_value(r, narrow=True), some_value(r), some_value(r)]
        # Text that is not valid; in UTF-16 Python's sqlite3 would not show it as it is.
        b = "CAST(x'ff41' AS TEXT)" if raw and r.randrange(20) == 0 else "?2"
        try:
            db.execute(f"INSERT OR IGNORE INTO {quoted} (a, b, c) VALUES (?1, {b}, ?3)", row)
        except sqlite3.IntegrityError:  # an INTEGER PRIMARY KEY takes no text
            db.execute(f"INSERT INTO {quoted} (b, c) VALUES (?,?)", row[1:])


def mutate(db, r, name, raw):
    quoted = '"' + name.replace('"', '""') + '"'
    column = r.choice("abc")
    if r.randrange(4) == 0:
        return
    db.execute(f"DELETE FROM {quoted} WHERE chance(10)")
    db.execute(f"UPDATE OR IGNORE {quoted} SET b = ? WHERE chance(8)", (some_value(r),))
    if column != "a":
        db.execute(f"UPDATE OR IGNORE {quoted} SET {column} = ? WHERE a > 30", (some_value(r),))
    fill(db, r, name, r.randrange(12), raw)


@pytest.mark.sanitized
@pytest.mark.parametrize("seed", range(8))
def test_random_tables_differ_as_sets_say(litekeep, tmp_path, seed):
    r = random.Random(seed)
    source, before = tmp_path / "d.db", tmp_path / "before.db"
    db = sqlite3.connect(source, isolation_level=None)
    raw = seed % 3 != 2
    if not raw:
        db.execute("PRAGMA encoding = 'UTF-16le'")
    for name, (sql, _) in SHAPES.items():
        db.execute(sql % ('"' + name.replace('"', '""') + '"'))
        fill(db, r, name, r.randrange(60), raw)
    db.close()
    formats = r.choice(["parquet,json", "parquet", "json"])
    litekeep.backup("--format", formats, source)
    shutil.copyfile(source, before)
    db = sqlite3.connect(source, isolation_level=None)
    db.create_function("chance", 1, lambda n: r.randrange(n) == 0)
    for name in SHAPES:
        mutate(db, r, name, raw)
    if seed % 2:
        db.execute("VACUUM")
    db.close()
    # The hidden rowids of tables with a declared PRIMARY KEY are no part of the comparison: VACUUM renumbers them.
    tables = {name: key for name, (_, key) in SHAPES.items()}
    document, rows = run_diff(litekeep, "d", "--live", source)
    check(document, rows, before, source, tables)
    litekeep.backup("--format", formats, source)
    stored, stored_rows = run_diff(litekeep, "d")
    check(stored, stored_rows, before, source, tables)
    assert stored_rows == rows
    counted = litekeep("diff", "d", "--json").json()
    assert counted["tables"] == stored["tables"]
    backwards, _ = run_diff(litekeep, "d", "d@latest~1")
    for there, back in zip(stored["tables"], backwards["tables"]):
        assert (there["added"], there["removed"], there["changed"]) == (back["removed"], back["added"], back["changed"])


def test_a_row_that_moves_to_another_key_is_removed_and_added(litekeep, tmp_path):
    source = tmp_path / "d.db"
    db = sqlite3.connect(source)
    db.executescript("CREATE TABLE t (k TEXT PRIMARY KEY COLLATE NOCASE, v) WITHOUT ROWID; INSERT INTO t VALUES ('a', 1), ('b', 2)")
    litekeep.backup(source)
    db.executescript("UPDATE t SET k = 'A' WHERE k = 'a'")
    db.close()
    _, rows = run_diff(litekeep, "d", "--live", source)
    assert [(row["change"], row["key"]) for row in rows["t"]] == [("removed", {"k": "a"}), ("added", {"k": "A"})]


# ---- Blocks and hashes

def make_big(path, rows=100000):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    db.execute("CREATE TABLE alias (id INTEGER PRIMARY KEY, v)")
    db.execute("CREATE TABLE hidden (v)")
    db.execute("CREATE TABLE keyed (k TEXT PRIMARY KEY, v)")
    db.execute("CREATE TABLE tree (k TEXT PRIMARY KEY, v) WITHOUT ROWID")
    db.execute("CREATE TABLE still (v)")
    for table, count in (("alias", rows), ("hidden", rows), ("still", 500)):
        db.executemany(f"INSERT INTO {table} (v) VALUES (?)", ((i * 7919 % 1000003,) for i in range(count)))
    for table in ("keyed", "tree"):
        db.executemany(f"INSERT INTO {table} VALUES (?,?)", ((f"k{i * 7919 % 1000003:07}", i) for i in range(rows)))
    db.execute("COMMIT")
    db.close()


BIG = {"alias": ["id"], "hidden": None, "keyed": ["k"], "tree": ["k"], "still": None}


def test_few_rows_among_many_blocks_are_found(litekeep, tmp_path):
    source, before = tmp_path / "big.db", tmp_path / "before.db"
    make_big(source)
    litekeep.backup(source)
    shutil.copyfile(source, before)
    db = sqlite3.connect(source, isolation_level=None)
    db.executescript("""
        DELETE FROM alias WHERE id = 70000; UPDATE alias SET v = 'x' WHERE id IN (1, 65536, 65537, 100000); INSERT INTO alias VALUES (900000, NULL);
        DELETE FROM hidden WHERE rowid = 3; UPDATE hidden SET v = 1.0 WHERE rowid = 65537;
        DELETE FROM keyed WHERE k < 'k0000020'; UPDATE keyed SET v = -1 WHERE rowid IN (1, 99999); INSERT INTO keyed VALUES ('z', 1);
        DELETE FROM tree WHERE k < 'k0000020'; UPDATE tree SET v = -1 WHERE k > 'k0999990'; INSERT INTO tree VALUES ('k05', 1);
    """)
    db.close()
    document, live = run_diff(litekeep, "big", "--live", source)
    known = check(document, live, before, source, BIG)
    litekeep.backup(source)
    document, rows = run_diff(litekeep, "big")
    assert rows == live
    told = {t["name"]: t for t in document["tables"]}
    assert {name: [t[c] for c in CHANGES] for name, t in told.items()} == {name: [t[c] for c in CHANGES] for name, t in known.items()}
    assert told["still"]["same_content_hash"] and not told["alias"]["same_content_hash"]


def flip(path, offset):
    path.chmod(0o600)
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)
        f.seek(offset)
        f.write(bytes([byte[0] ^ 0x55]))


@pytest.mark.sanitized
def test_blocks_that_both_have_are_not_read_and_the_others_are_checked(litekeep, tmp_path):
    source = tmp_path / "d.db"
    db = sqlite3.connect(source, isolation_level=None)
    db.executescript("""
        CREATE TABLE a (v); CREATE TABLE still (v);
        WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 70000) INSERT INTO a SELECT hex(randomblob(8)) FROM n;
        INSERT INTO still SELECT v FROM a LIMIT 1000;
    """)
    litekeep.backup("--format", "parquet", source)
    ((was,),) = db.execute("SELECT v FROM a WHERE rowid = 69000")
    db.execute("UPDATE a SET v = 'new' WHERE rowid = 69000")
    litekeep.backup("--format", "parquet", source)
    old, new = litekeep.backups("d")
    # The first block has 65,536 rows, and is the same in both. Nothing of it is read, so nothing is amiss.
    flip(old / "parquet" / "a.parquet", 20000)
    flip(new / "parquet" / "a.parquet", 20000)
    flip(old / "parquet" / "still.parquet", 500)
    document, rows = run_diff(litekeep, "d")
    assert [t["changed"] for t in document["tables"]] == [1, 0]
    assert rows["a"] == [{"type": "row", "table": "a", "change": "changed", "key": {"_rowid_": 69000}, "before": {"v": was}, "after": {"v": "new"}}]
    db.execute("UPDATE a SET v = 'new' WHERE rowid = 5")
    db.close()
    litekeep.backup("--format", "parquet", "--rebuild", source)
    done = litekeep("diff", "d@latest~1", "d", expect=5)
    assert "a.parquet" in done.err and new.name in done.err


@pytest.mark.sanitized
def test_a_block_that_is_hurt_in_parquet_comes_from_json_and_that_is_said(litekeep, small):
    litekeep.backup(small)
    db = sqlite3.connect(small)
    db.execute("DELETE FROM post WHERE id = 17")
    db.commit()
    db.close()
    litekeep.backup(small)
    flip(litekeep.backups("small")[0] / "parquet" / "post.parquet", 300)
    document, rows = run_diff(litekeep, "small")
    assert [row["key"] for row in rows["post"]] == [{"id": 17}]
    assert any("post.parquet" in note for note in document["notes"])
    flip(litekeep.backups("small")[0] / "json" / "post.json.gz", 300)
    done = litekeep("diff", "small", expect=5)
    assert "post" in done.err and litekeep.backups("small")[0].name in done.err


# ---- Schema

@pytest.mark.sanitized
def test_the_schema_and_pragmas_are_compared(litekeep, tmp_path):
    source = tmp_path / "d.db"
    db = sqlite3.connect(source, isolation_level=None)
    db.executescript("""
        CREATE TABLE keep (id INTEGER PRIMARY KEY, v); INSERT INTO keep VALUES (1, 'a'), (2, 'b');
        CREATE TABLE gone (v); INSERT INTO gone VALUES (1), (2), (3);
        CREATE INDEX i ON keep (v); CREATE VIEW w AS SELECT 1;
    """)
    litekeep.backup(source)
    db.executescript("""
        ALTER TABLE keep ADD COLUMN extra DEFAULT 5; DROP TABLE gone; DROP INDEX i; CREATE INDEX i ON keep (v DESC);
        CREATE TABLE fresh (a UNIQUE); INSERT INTO fresh VALUES (1); CREATE TRIGGER g AFTER INSERT ON keep BEGIN SELECT 1; END;
        UPDATE keep SET v = 'c' WHERE id = 2; PRAGMA user_version = 7;
    """)
    litekeep.backup(source, expect=4)  # a table with rows is gone
    d = litekeep("diff", "d", "--json").json()
    assert {(o["change"], o["type"], o["name"]) for o in d["schema"]} == {
        ("changed", "table", "keep"), ("removed", "table", "gone"), ("changed", "index", "i"), ("added", "table", "fresh"), ("added", "trigger", "g")}
    (index,) = [o for o in d["schema"] if o["name"] == "i"]
    assert index["before"] == "CREATE INDEX i ON keep (v)" and index["after"] == "CREATE INDEX i ON keep (v DESC)"
    tables = {t["name"]: t for t in d["tables"]}
    assert tables["keep"]["columns_added"] == ["extra"] and tables["keep"]["columns_removed"] == []
    # A column that was added makes no row a changed one.
    assert [tables["keep"][c] for c in CHANGES] == [0, 0, 1]
    assert tables["gone"]["change"] == "removed" and tables["gone"]["rows_after"] is None and tables["gone"]["removed"] == 3
    assert tables["fresh"]["change"] == "added" and tables["fresh"]["rows_before"] is None and tables["fresh"]["added"] == 1
    assert any("user_version" in note and "7" in note for note in d["notes"]) and not d["same"]
    text = litekeep("diff", "d").out
    assert "- CREATE TABLE gone (v)" in text and "+ CREATE TABLE fresh (a UNIQUE)" in text and "column extra" in text
    only = litekeep("diff", "d", "--table", "fresh", "--json").json()
    assert [t["name"] for t in only["tables"]] == ["fresh"] and [o["name"] for o in only["schema"]] == ["fresh"]
    back, rows = run_diff(litekeep, "d", "d@latest~1")
    assert {t["name"]: t["columns_removed"] for t in back["tables"]}["keep"] == ["extra"]
    assert [row["after"] for row in rows["gone"]] == [{"v": 1}, {"v": 2}, {"v": 3}]


def test_a_key_that_changed_is_said_and_the_old_one_used(litekeep, tmp_path):
    source = tmp_path / "d.db"
    db = sqlite3.connect(source, isolation_level=None)
    db.executescript("CREATE TABLE t (a TEXT PRIMARY KEY, b, c); INSERT INTO t VALUES ('x', 1, 1), ('y', 2, 2), ('z', 3, 3)")
    litekeep.backup(source)
    db.executescript("DROP TABLE t; CREATE TABLE t (c, b, a TEXT, d, PRIMARY KEY (b)) WITHOUT ROWID; INSERT INTO t VALUES (9, 1, 'x', 0), (2, 2, 'y', 0), (3, 4, 'q', 0)")
    litekeep.backup(source)
    db.close()
    document, rows = run_diff(litekeep, "d")
    (table,) = document["tables"]
    assert [table[c] for c in CHANGES] == [1, 1, 1] and table["key"] == "a" and table["columns_added"] == ["d"]
    assert any("PRIMARY KEY" in note for note in document["notes"])
    assert [row["after"] for row in rows["t"] if row["change"] == "changed"] == [{"c": 9, "b": 1, "a": "x", "d": 0}]


def test_an_integer_primary_key_of_another_name_is_the_same_key(litekeep, tmp_path):
    source = tmp_path / "d.db"
    db = sqlite3.connect(source, isolation_level=None)
    db.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'a'), (5, 'b'), (6, 'c')")
    litekeep.backup(source)
    db.executescript("ALTER TABLE t RENAME COLUMN id TO ident; UPDATE t SET v = 'x' WHERE ident = 5; DELETE FROM t WHERE ident = 6")
    litekeep.backup(source)
    db.close()
    document, rows = run_diff(litekeep, "d")
    assert [document["tables"][0][c] for c in CHANGES] == [0, 1, 1]
    assert rows["t"][0]["before"] == {"id": 5, "v": "b"} and rows["t"][0]["after"] == {"ident": 5, "v": "x"}


def test_tables_left_out_of_a_backup_are_not_called_removed(litekeep, small):
    litekeep.backup(small)
    litekeep.backup("--skip-table", "kind", small)
    d = litekeep("diff", "small", "--json").json()
    assert [t["name"] for t in d["tables"]] == ["post"] and d["same"]
    assert any("kind" in note and "left out" in note for note in d["notes"])


def test_shadow_and_internal_tables_are_shown_where_they_differ(litekeep, tmp_path):
    source = tmp_path / "d.db"
    db = sqlite3.connect(source, isolation_level=None)
    db.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO t DEFAULT VALUES; INSERT INTO f VALUES ('one')")
    litekeep.backup(source)
    litekeep.backup(source)
    d = litekeep("diff", "d", "--json").json()
    assert d["same"] and [t["name"] for t in d["tables"]] == ["t"]
    db.executescript("INSERT INTO f VALUES ('two'); INSERT INTO t DEFAULT VALUES")
    db.close()
    names = [t["name"] for t in litekeep("diff", "d", "--live", source, "--json").json()["tables"]]
    assert {"t", "sqlite_sequence", "f_content", "f_data"} <= set(names) and names == sorted(names)


# ---- Which two, and how it is said

@pytest.mark.sanitized
def test_the_same_database_has_no_difference(litekeep, small):
    litekeep.backup(small)
    assert "'small' has no two backups" in litekeep("diff", "small", expect=10).err
    litekeep.backup(small)
    assert "No difference." in litekeep("diff", "small").out
    assert "No difference." in litekeep("diff", small, "--live", small).out
    d = litekeep("diff", "small", "--json").json()
    assert d["same"] and all(t["same_content_hash"] and t["change"] is None for t in d["tables"])


def test_one_word_means_the_last_two_or_that_one_and_the_last(litekeep, small):
    for n in range(3):
        litekeep.backup(small)
        db = sqlite3.connect(small)
        db.execute("DELETE FROM post WHERE id = ?", (n + 1,))
        db.commit()
        db.close()
    ids = [p.name for p in litekeep.backups("small")]
    d = litekeep("diff", "small", "--json").json()
    assert (d["before"], d["after"]) == (f"small@{ids[1]}", f"small@{ids[2]}") and d["tables"][1]["removed"] == 1
    d = litekeep("diff", f"small@{ids[0]}", "--json").json()
    assert (d["before"], d["after"]) == (f"small@{ids[0]}", f"small@{ids[2]}") and d["tables"][1]["removed"] == 2
    d = litekeep("diff", small, "--json").json()
    assert d["before"] == f"small@{ids[1]}"


def test_wrong_usage_and_names_are_refused(litekeep, small, tmp_path):
    litekeep.backup(small)
    litekeep.backup(small)
    litekeep("diff", "small", "small", "--live", small, expect=2)
    litekeep("diff", "small", "--limit", "3", expect=2)
    litekeep("diff", "nobody", expect=10)
    litekeep("diff", "nobody@7d", expect=10)
    assert "nothere" in litekeep("diff", "small", "--table", "nothere", expect=10).err
    litekeep("diff", "small", "--live", tmp_path / "missing.db", expect=10)
    (tmp_path / "no.db").write_bytes(b"not a database at all" * 100)
    litekeep("diff", "small", "--live", tmp_path / "no.db", expect=3)


def test_rows_are_listed_for_people_and_cut_by_limit(litekeep, small):
    litekeep.backup(small)
    db = sqlite3.connect(small)
    db.execute("DELETE FROM post WHERE id BETWEEN 10 AND 12")
    db.execute("INSERT INTO kind VALUES ('\x7fd', 1)")
    db.execute("UPDATE kind SET n = 3 WHERE name = 'a'")
    db.commit()
    db.close()
    out = litekeep("diff", "small", "--live", small, "--rows", "--limit", "2").out
    assert '- {"id":10,' in out and '- {"id":11,' in out and '{"id":12,' not in out and "… 1 more" in out
    assert '~ {"name":"a"} {"name":"a","n":1} → {"name":"a","n":3}' in out
    assert '+ {"name":"\\x7fd","n":1}' in out


# ---- Live files

@pytest.mark.parametrize("mode", ["WAL", "DELETE", "closing"])
def test_a_file_that_is_being_written_is_compared_as_of_one_moment(litekeep, tmp_path, mode):
    """The writer puts the same number into both tables in one transaction; whatever moment is compared, both have as
    many. `closing`: the last connection closes each time, so that no -wal lies there and the file is read as immutable."""
    source, stop = tmp_path / "d.db", tmp_path / "stop"
    db = sqlite3.connect(source, isolation_level=None)
    db.execute(f"PRAGMA journal_mode = {'DELETE' if mode == 'DELETE' else 'WAL'}")
    db.executescript("CREATE TABLE a (id INTEGER PRIMARY KEY, v); CREATE TABLE b (k TEXT PRIMARY KEY, v)")
    db.execute("BEGIN")
    db.executemany("INSERT INTO a VALUES (?,?)", ((i, i) for i in range(20000)))
    db.executemany("INSERT INTO b VALUES (?,?)", ((str(i), i) for i in range(20000)))
    db.execute("COMMIT")
    db.close()
    litekeep.backup(source)
    writer = subprocess.Popen([sys.executable, "-c", """
import os, sqlite3, sys
path, stop, closing = sys.argv[1], sys.argv[2], sys.argv[3] == "closing"
n, db = 20000, None
while not os.path.exists(stop):
    db = db or sqlite3.connect(path, isolation_level=None, timeout=30)
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO a VALUES (?,?)", (n, n))
    db.execute("INSERT INTO b VALUES (?,?)", (str(n), n))
    db.execute("COMMIT")
    if n == 20000:
        print("started", flush=True)
    n += 1
    if closing:
        db.close()
        db = None
""", source, stop, mode], stdout=subprocess.PIPE)
    try:
        assert writer.stdout.readline() == b"started\n"
        compared = 0
        for _ in range(8):
            done = litekeep("diff", "--json", "--rows", "d", "--live", source, expect=(0, 3))
            if done.status == 3:  # it never held still, which is said
                assert not done.out and "d.db" in done.err
                continue
            compared += 1
            document, rows = by_table(done)
            told = {t["name"]: t for t in document["tables"]}
            added = [row["key"]["id"] for row in rows["a"]]
            assert added == list(range(20000, 20000 + len(added))) and added
            assert sorted(int(row["key"]["k"]) for row in rows["b"]) == added
            assert told["a"]["added"] == told["b"]["added"] == len(added)
            assert told["a"]["rows_after"] == told["b"]["rows_after"] == 20000 + len(added)
            assert told["a"]["removed"] + told["a"]["changed"] + told["b"]["removed"] + told["b"]["changed"] == 0
        assert compared
    finally:
        stop.touch()
        writer.wait(60)


# ---- Backups of the original script

def test_a_backup_of_the_script_is_compared_by_the_key_of_the_other_side(litekeep, small):
    pandas = pytest.importorskip("pandas")
    litekeep.backup(small)
    legacy = litekeep.store / "small" / "2024-05-29-09:14:42"
    (legacy / "parquet").mkdir(parents=True)
    with sqlite3.connect(small) as db:
        for table in ("post", "kind"):
            pandas.read_sql_query(f"SELECT * FROM {table}", db).to_parquet(legacy / "parquet" / f"{table}.parquet", compression="gzip")
        db.execute("DELETE FROM post WHERE id = 40")
        db.execute("INSERT INTO post VALUES (999, 'new', 1, 2.5)")
        db.execute("UPDATE post SET text = 'other' WHERE id = 41")
        db.commit()
    litekeep.backup(small)
    document, rows = run_diff(litekeep, "small@2024-05-29-09:14:42", "small", "--table", "post")
    (table,) = document["tables"]
    assert table["key"] == "id" and any("no manifest" in note for note in document["notes"])
    told = {(row["change"], row["key"]["id"]) for row in rows["post"]}
    assert {("removed", 40), ("added", 999), ("changed", 41)} <= told


def test_page_copies_alone_are_compared_by_their_hashes_and_no_further(litekeep, small):
    litekeep.backup("--format", "sqlite", small)
    litekeep.backup("--format", "sqlite", small)
    assert "No difference." in litekeep("diff", "small").out
    db = sqlite3.connect(small)
    db.execute("DELETE FROM post")
    db.commit()
    db.close()
    litekeep.backup("--format", "sqlite", small, expect=4)  # it is empty now
    done = litekeep("diff", "small", expect=3)
    assert "page copy" in done.err and "zstd -d" in done.err
