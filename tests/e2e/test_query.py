"""SQL on a backup gives what it gives on the source: by the program, and by the extension in other programs."""
import base64
import contextlib
import csv
import io
import json
import os
import sqlite3
import struct
import subprocess
import urllib.parse

import pytest

import awkward
from conftest import PROGRAM, WRAPPER, lacking, tool

EXTENSION = PROGRAM.resolve().parent / "src" / "ext" / "litekeep_ext.so"


def as_value(value):
    """A value of Python's sqlite3 (text by keep_text) or of a JSON row, so that == means the same class and bits."""
    if isinstance(value, float):
        return ("real", struct.pack("<d", value))
    if isinstance(value, bytes):
        return ("blob", value)
    if isinstance(value, str):
        return ("text", value.encode())
    if isinstance(value, dict):
        (key, content), = value.items()
        return ({"$base64": "blob", "$text_base64": "text"}[key], base64.b64decode(content, validate=True))
    return value


def keep_text(raw):
    return ("text", raw)


def ask_source(path, sql):
    db = sqlite3.connect(f"file:{urllib.parse.quote(str(path))}?mode=ro", uri=True)
    db.text_factory = keep_text
    rows = db.execute(sql).fetchall()
    db.close()
    return rows


def ask_backup(litekeep, what, sql, *options, **more):
    return litekeep("query", what, sql, "--json", *options, **more).json()["rows"]


def same(litekeep, what, source, sql):
    theirs = [[as_value(v) for v in row] for row in ask_source(source, sql)]
    assert [[as_value(v) for v in row] for row in ask_backup(litekeep, what, sql)] == theirs, sql


KEYS = [
    "SELECT rowid, v FROM plain ORDER BY rowid", "SELECT rowid, v FROM gaps", "SELECT rowid, * FROM sparse ORDER BY rowid",
    "SELECT * FROM sparse WHERE rowid = 9223372036854775807", "SELECT * FROM sparse WHERE rowid < 0", "SELECT count(*) FROM sparse WHERE rowid >= 1.5",
    "SELECT rowid, id, v FROM alias WHERE id > -1", "SELECT * FROM alias WHERE id = '0'", "SELECT * FROM alias_desc ORDER BY id DESC",
    "SELECT * FROM int_key ORDER BY id", "SELECT rowid, * FROM text_key", "SELECT * FROM sqlite_sequence ORDER BY name",
    "SELECT _rowid_, rowid FROM named_rowid", "SELECT oid, * FROM named_two", "SELECT * FROM named_all ORDER BY v", "SELECT * FROM named_key WHERE rowid = 9",
    "SELECT * FROM shifted", "SELECT * FROM no_rowid", "SELECT v FROM no_rowid WHERE a = 'x' AND c = 5", "SELECT k, typeof(k) FROM no_rowid_mixed WHERE k > 1 ORDER BY v",
    "SELECT * FROM no_rowid_nocase WHERE k = 'a'", "SELECT DISTINCT k FROM no_rowid_nocase ORDER BY k", "SELECT * FROM no_rowid_integer ORDER BY id",
    "SELECT count(*), max(a) FROM empty", "SELECT * FROM strict_table WHERE a = '007'", "SELECT a = 7 FROM strict_table", "SELECT a, b, kept FROM generated",
    "SELECT * FROM alias a JOIN sparse s ON a.id = s.rowid", "SELECT p.v, g.v FROM plain p LEFT JOIN gaps g ON p.rowid = g.rowid ORDER BY 1",
]

VALUES = [
    "SELECT id, c0_ FROM everything ORDER BY id", "SELECT * FROM everything WHERE id % 7 = 0 ORDER BY id", "SELECT id FROM everything WHERE c1_integer = 9007199254740993",
    "SELECT id, c3_real FROM everything WHERE c3_real BETWEEN 0 AND 1 ORDER BY id", "SELECT id FROM everything WHERE c2_text = '5' ORDER BY id",
    "SELECT id FROM everything WHERE c2_text > 'n' ORDER BY c2_text, id", "SELECT id FROM everything WHERE c4_numeric = '5.00'", "SELECT typeof(c0_), count(*) FROM everything GROUP BY 1 ORDER BY 1",
    "SELECT max(c0_), id FROM everything", "SELECT sum(price), count(flag), max(at), min(day) FROM money", "SELECT * FROM money WHERE price = 1.25", "SELECT * FROM money WHERE price > '124.5'",
    "SELECT count(*), max(v), typeof(max(v)) FROM late", "SELECT * FROM late WHERE v = 'surprise'", "SELECT * FROM late WHERE v = 0.5", "SELECT * FROM late WHERE id > 199990",
    "SELECT * FROM late WHERE v = 9007199254740993", "SELECT * FROM late WHERE v = 9007199254740992.0", "SELECT few, count(*), sum(alternating) FROM runs GROUP BY few ORDER BY few",
    "SELECT id, rare FROM runs WHERE rare IS NOT NULL", "SELECT a.id, b.id FROM runs a JOIN runs b ON a.many = b.many WHERE a.id < 5",
    "SELECT count(*) FROM runs a JOIN runs b ON a.id = b.alternating", "SELECT id FROM runs WHERE many IN (SELECT many FROM runs WHERE id > 69997)",
]


@pytest.fixture(scope="module")
def backed_up(awkward_folder, tmp_path_factory):
    """The awkward databases in one store; only read by the tests."""
    from conftest import Litekeep
    litekeep = Litekeep(tmp_path_factory.mktemp("query"))
    names = ["values.db", "keys.db", "schema.sqlite", "names.sqlite3", "affinity.db", "utf16le.db", "wide.db"]
    litekeep.backup(*[awkward_folder / name for name in names], expect={0, 3})
    return litekeep


@pytest.mark.sanitized
def test_questions_about_keys_are_answered_as_by_the_source(backed_up, awkward_folder):
    for sql in KEYS:
        same(backed_up, "keys", awkward_folder / "keys.db", sql)


def test_questions_about_values_are_answered_as_by_the_source(backed_up, awkward_folder):
    for sql in VALUES:
        same(backed_up, "values", awkward_folder / "values.db", sql)


@pytest.mark.sanitized
def test_views_are_there_and_virtual_tables_say_what_to_do(backed_up, awkward_folder):
    source = awkward_folder / "schema.sqlite"
    same(backed_up, "schema", source, "SELECT id, name, age, boss FROM adults ORDER BY id")
    same(backed_up, "schema", source, "SELECT id, title FROM (SELECT id, c0 AS title FROM note_content) ORDER BY id")
    done = backed_up("query", "schema", "SELECT * FROM note", expect=2)
    assert "virtual table" in done.err and "restore" in done.err and "note_" in done.err
    done = backed_up("query", "schema", "SELECT * FROM broken", expect=2)
    assert "no_such_table" in done.err
    done = backed_up("query", "schema", "SELECT * FROM nowhere", expect=2)
    assert "no such table: nowhere; litekeep show schema lists the tables" in done.err


def test_tables_with_any_name_can_be_queried(backed_up, awkward_folder):
    source = awkward_folder / "names.sqlite3"
    (names,) = zip(*ask_source(source, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"))
    assert len(names) > 40
    sql = " UNION ALL ".join(f"SELECT {i}, count(*) FROM {awkward.quote(name[1].decode())}" for i, name in enumerate(names))
    same(backed_up, "names", source, sql)
    same(backed_up, "names", source, "SELECT * FROM columns")
    same(backed_up, "names", source, "SELECT rowid, * FROM collide")


def test_wide_tables_can_be_queried(backed_up, awkward_folder):
    same(backed_up, "wide", awkward_folder / "wide.db", "SELECT * FROM wide")
    same(backed_up, "wide", awkward_folder / "wide.db", "SELECT c1999, c63, c64, c0 FROM wide WHERE c64 > 0 ORDER BY c62")


def test_utf16_text_is_utf8_in_a_query(backed_up, awkward_folder):
    theirs = ask_source(awkward_folder / "utf16le.db", "SELECT id, t FROM texts ORDER BY id")
    assert [r[1].encode() for r in ask_backup(backed_up, "utf16le", "SELECT id, t FROM texts ORDER BY id")] == [t[1] for _, t in theirs]


@pytest.mark.sanitized
def test_a_schema_that_computes_with_json_is_backed_up_queried_and_restored(litekeep, tmp_path):
    path, copy = tmp_path / "data.db", tmp_path / "copy.db"
    db = awkward.connect(path)
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, b, n AS (json_extract(b, '$.n')) STORED)")
    db.execute("CREATE INDEX i ON t (b ->> '$.n', json_type(b))")
    db.execute("CREATE VIEW v AS SELECT id, b ->> '$.n' AS n FROM t")
    db.execute("""INSERT INTO t (b) VALUES ('{"n":7}'), ('{"n":"x"}'), ('[]')""")
    db.close()
    litekeep.backup(path)
    assert litekeep("query", "data", "SELECT * FROM v ORDER BY id", "--json").json()["rows"] == [[1, 7], [2, "x"], [3, None]]
    litekeep("restore", "data", "--to", copy, "--check", "full")
    litekeep("verify", "data", "--restore")
    with contextlib.closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT id FROM t INDEXED BY i WHERE b ->> '$.n' = 'x'").fetchall() == [(2,)]


@pytest.mark.sanitized
def test_every_format_parses_back(litekeep, tmp_path):
    path = tmp_path / "data.db"
    db = awkward.connect(path)
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
    values = [(1, None, ""), (2, "a,b", 'say "x"'), (3, "two\nlines", "pipe | <b>"), (4, 9007199254740993, 1.0), (5, -0.0, float("inf")), (6, b"\x00\xff", "é 東 🦋"), (7, 0.1, -2**63)]
    db.executemany("INSERT INTO t VALUES (?,?,?)", values)
    db.close()
    litekeep.backup(path)
    sql = "SELECT id, a, b AS a FROM t ORDER BY id"
    lines = litekeep("query", "data", sql, "--format", "jsonl").json_lines()
    assert [list(line) for line in lines] == [["id", "a", "a:1"]] * len(values)
    expected = [[as_value(v) for v in row] for row in values]
    assert [[as_value(v) for v in line.values()] for line in lines] == expected
    document = litekeep("query", "data", sql, "--format", "json").json()
    assert document["columns"] == ["id", "a", "a"] and [[as_value(v) for v in row] for row in document["rows"]] == expected
    rows = list(csv.reader(io.StringIO(litekeep("query", "data", sql, "--format", "csv").out), strict=True))
    assert rows[0] == ["id", "a", "a"]
    assert rows[2:] == [["2", "a,b", 'say "x"'], ["3", "two\nlines", "pipe | <b>"], ["4", "9007199254740993", "1.0"], ["5", "-0.0", "9e999"],
                        ["6", "x'00ff'", "é 東 🦋"], ["7", "0.1", "-9223372036854775808"]]
    assert litekeep("query", "data", "SELECT NULL, ''", "--format", "csv").out.splitlines()[1] == ',""'
    markdown = litekeep("query", "data", sql, "--format", "markdown").out.splitlines()
    assert markdown[1] == "| --- | --- | --- |" and len(markdown) == len(values) + 2 and markdown[4] == "| 3 | two\\nlines | pipe \\| &lt;b> |"
    table = litekeep("query", "data", sql).out.splitlines()
    assert len(table) == len(values) + 1 and "two\\nlines" in table[3] and "NULL" in table[1]
    assert litekeep("query", "data", "SELECT 1 WHERE 0", "--json").json() == {"columns": ["1"], "rows": []}
    assert litekeep("query", "data", "SELECT 1 AS one WHERE 0").out == "one\n"
    litekeep("query", "data", "SELECT 1", "--json", "--format", "csv", expect=2)


def test_a_long_result_is_streamed_in_every_format(litekeep, yardstick):
    litekeep.backup(yardstick)
    sql = "SELECT id, uri FROM transformedrecordwithauthor"
    for form in ("table", "csv", "jsonl", "markdown", "json"):
        done = litekeep("query", "posts", sql, "--format", form, "--limit", 5000)
        assert done.out.count("\n") in (5000, 5001, 5002), form
    pipe = litekeep.start("query", "posts", sql, "--format", "csv")
    pipe.stdout.read(1000)
    pipe.stdout.close()
    assert pipe.wait(60) == 1 and pipe.stderr.read() == b""
    pipe.stderr.close()


@pytest.mark.sanitized
@pytest.mark.parametrize("sql", [
    "INSERT INTO post VALUES (1000, 'x', 1, 1)", "DELETE FROM post", "UPDATE post SET likes = 0", "DROP TABLE post", "CREATE TABLE x (y)", "CREATE TEMP TABLE x (y)",
    "ATTACH 'x.db' AS x", "DETACH main", "PRAGMA user_version = 5", "PRAGMA writable_schema = ON", "PRAGMA query_only = OFF", "VACUUM INTO 'x.db'", "BEGIN", "REINDEX",
    "UPDATE sqlite_schema SET sql = ''", "SELECT load_extension('x')", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE post", "", " ; -- nothing\n", "SELECT", "SELECT * FROM",
    "SELECT no_such_column FROM post", "CREATE VIRTUAL TABLE x USING litekeep(0, 0)"])
def test_only_one_statement_that_reads_is_taken(litekeep, small, sql):
    litekeep.backup(small)
    before = {p: p.read_bytes() for p in litekeep.latest().rglob("*") if p.is_file()}
    done = litekeep("query", "small", sql, expect=2)
    assert done.out == "" and done.err
    assert before == {p: p.read_bytes() for p in litekeep.latest().rglob("*") if p.is_file()}
    assert not (litekeep.home / "x.db").exists()


def test_comments_and_semicolons_around_the_statement_are_allowed(litekeep, small):
    litekeep.backup(small)
    for sql in ("SELECT count(*) FROM post;", "; ;SELECT count(*) FROM post ;; -- done", "/* how many? */ SELECT count(*) FROM post /* end */;\n\n"):
        assert ask_backup(litekeep, "small", sql) == [[300]]
    done = subprocess.run(litekeep.command("query", "small", "-", "--json"), input=b"-- from a file\nSELECT count(*)\nFROM post;\n",
                          capture_output=True, env=litekeep.environment(), check=True)
    assert json.loads(done.stdout)["rows"] == [[300]]


@pytest.mark.sanitized
def test_another_backup_can_be_attached(litekeep, small):
    litekeep.backup(small)
    db = awkward.connect(small)
    db.execute("DELETE FROM post WHERE id IN (7, 8)")
    db.execute("UPDATE post SET text = 'changed' WHERE id = 9")
    db.execute("CREATE VIEW popular AS SELECT id FROM post WHERE likes > 48")
    db.close()
    litekeep.backup(small)
    attach = ("--attach", "old=small@latest~1")
    assert ask_backup(litekeep, "small", "SELECT id FROM old.post WHERE id NOT IN (SELECT id FROM post) ORDER BY id", *attach) == [[7], [8]]
    assert ask_backup(litekeep, "small", "SELECT o.id FROM old.post o LEFT JOIN main.post n ON o.id = n.id WHERE n.id IS NULL ORDER BY 1", *attach) == [[7], [8]]
    assert ask_backup(litekeep, "small", "SELECT o.id, n.text FROM old.post o JOIN post n USING (id) WHERE o.text <> n.text", *attach) == [[9, "changed"]]
    assert ask_backup(litekeep, "small@latest~1", "SELECT count(*) FROM new.popular", "--attach", "new=small") == \
        [[ask_source(small, "SELECT count(*) FROM popular")[0][0]]]
    for wrong in ("old", "=small", "old=", "main=small", "temp=small"):
        litekeep("query", "small", "SELECT 1", "--attach", wrong, expect=2)
    litekeep("query", "small", "SELECT 1", "--attach", "old=nothing", expect=10)


def flip(path, at):
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[at] ^= 0xff
    path.write_bytes(data)


@pytest.mark.sanitized
def test_damage_is_noticed_when_it_is_met_and_json_serves_where_it_can(litekeep, small):
    litekeep.backup(small)
    folder = litekeep.latest()
    flip(folder / "parquet" / "post.parquet", 200)
    assert ask_backup(litekeep, "small", "SELECT count(*), sum(id) FROM post", expect=0) == [[300, 45150]]
    same(litekeep, "small", small, "SELECT count(*), max(text) FROM post")
    assert ask_backup(litekeep, "small", "SELECT n FROM kind ORDER BY name") == [[1], [2.5], [None]]
    flip(folder / "json" / "post.json.gz", 1500)
    done = litekeep("query", "small", "SELECT max(text), max(likes), max(score), max(id) FROM post", expect=5)
    assert "post" in done.err
    assert ask_backup(litekeep, "small", "SELECT n FROM kind ORDER BY name") == [[1], [2.5], [None]]


def test_a_query_ends_after_its_timeout(litekeep, small):
    litekeep.backup(small)
    done = litekeep("query", "small", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", "--timeout", "300ms", expect=1, timeout=60)
    assert "--timeout" in done.err


def test_nothing_but_the_store_is_needed(litekeep, small):
    litekeep.backup(small)
    small.unlink()
    assert ask_backup(litekeep, "small", "SELECT count(*) FROM post") == [[300]]


@pytest.mark.parametrize("formats", ["parquet", "json", "sqlite"])
def test_each_format_alone_can_be_queried(litekeep, small, formats):
    litekeep.backup("--format", formats, small)
    same(litekeep, "small", small, "SELECT * FROM post WHERE likes > 40 ORDER BY id")
    same(litekeep, "small", small, "SELECT * FROM kind ORDER BY name")


def test_the_corpus_answers_as_its_sources_do(litekeep, corpus):
    """Every row of every table, by the program."""
    for path in sorted((corpus / "sqlite").iterdir()):
        if not path.is_file() or path.read_bytes()[:15] != b"SQLite format 3" or path.stat().st_size > 2 << 20:
            continue
        if litekeep.backup(path, expect=None).status != 0:
            continue
        name = next(n for n in litekeep.databases() if json.loads((litekeep.latest(n) / "manifest.json").read_text())["source"]["path"] == str(path))
        manifest = json.loads((litekeep.latest(name) / "manifest.json").read_text())
        if manifest["pragmas"]["encoding"] != "UTF-8":
            continue
        for table in manifest["tables"][:12]:
            columns = ", ".join(awkward.quote(c["name"]) for c in table["columns"]["columns"])
            same(litekeep, name, path, f"SELECT {columns} FROM {awkward.quote(table['name'])}")


# The extension.

@pytest.fixture
def connect():
    if WRAPPER or any(key.startswith(("ASAN", "TSAN")) for key in os.environ):
        pytest.skip("a sanitized library does not load into another program")
    if not EXTENSION.exists():
        lacking(str(EXTENSION))
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        lacking("sqlite3.enable_load_extension")

    def make(path=":memory:"):
        db = sqlite3.connect(path, isolation_level=None)
        db.enable_load_extension(True)
        db.load_extension(str(EXTENSION.with_suffix("")))
        return db
    return make


def test_the_extension_attaches_a_backup_in_python(backed_up, awkward_folder, connect):
    for name, file in (("values", "values.db"), ("keys", "keys.db"), ("affinity", "affinity.db")):
        db = connect(awkward_folder / file)
        db.text_factory = bytes
        (tables,) = db.execute("SELECT litekeep_attach(?, 'old', ?)", [name, str(backed_up.store)]).fetchone()
        names = [n.decode() for n, in db.execute("SELECT name FROM old.sqlite_schema WHERE type = 'table'")]
        assert tables == len(names) >= 10
        for table in map(awkward.quote, names):
            columns = [awkward.quote(row[1].decode()) for row in db.execute(f"PRAGMA old.table_info({table})")]
            spelled = ", ".join(f"typeof({c}), quote({c})" for c in columns)
            query = f"SELECT {spelled} FROM {{}}.{table}"
            assert db.execute(query.format("old")).fetchall() == db.execute(query.format("main")).fetchall(), table
        db.close()


def test_the_extension_makes_single_tables_and_says_what_is_wrong(backed_up, connect):
    db = connect()
    store = str(backed_up.store)
    db.execute(f"CREATE VIRTUAL TABLE temp.p USING litekeep('keys@latest', 'alias', '{store}')")
    assert db.execute("SELECT count(*) FROM p WHERE id < 1").fetchone() == (2,)
    for arguments, words in (("'keys'", "litekeep needs"), (f"'keys', 'nothing', '{store}'", "no table"), (f"'nobody', 'x', '{store}'", "nobody")):
        with pytest.raises(sqlite3.OperationalError, match=words):
            db.execute(f"CREATE VIRTUAL TABLE temp.q USING litekeep({arguments})")
    with pytest.raises(sqlite3.OperationalError):
        db.execute("INSERT INTO p VALUES (1, 2)")
    with pytest.raises(sqlite3.OperationalError, match="nobody"):
        db.execute("SELECT litekeep_attach('nobody', 'x', ?)", [store])
    db.close()


def test_the_extension_loads_into_the_sqlite3_shell(backed_up, connect):
    done = subprocess.run([tool("sqlite3"), ":memory:", f".load {EXTENSION.with_suffix('')}", "SELECT litekeep_attach('schema@latest', 'old')",
                           "SELECT name FROM old.adults ORDER BY id"], capture_output=True, text=True, env=backed_up.environment(LITEKEEP_STORE=str(backed_up.store)), check=True)
    assert done.stdout.split()[1:] == ["Ada", "Grace", "Ken"]


def test_the_extension_exports_nothing_else_and_brings_no_sqlite(connect):
    symbols = subprocess.run([tool("nm"), "-D", EXTENSION], capture_output=True, text=True, check=True).stdout.split("\n")
    defined = [line.split()[-1] for line in symbols if " T " in line or " D " in line or " B " in line]
    assert defined == ["sqlite3_litekeepext_init"]
    assert not [line for line in symbols if " U " in line and "sqlite3" in line]


def test_a_host_in_utf16_orders_texts_by_its_own_bytes(litekeep, tmp_path):
    if not EXTENSION.exists():
        lacking(str(EXTENSION))
    path = tmp_path / "data.db"
    db = awkward.connect(path)
    db.execute("CREATE TABLE t (b)")
    db.execute("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70000) INSERT INTO t SELECT char(256) || i FROM n")
    db.close()
    litekeep.backup(path)
    done = subprocess.run([tool("sqlite3"), tmp_path / "host.db", "PRAGMA encoding = 'UTF-16le'", "CREATE TABLE host (a)", f".load {EXTENSION.with_suffix('')}",
                           f"CREATE VIRTUAL TABLE temp.t USING litekeep('data', 't', '{litekeep.store}')", "SELECT count(*) FROM t WHERE b < 'z'"], capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["70000"], "")
