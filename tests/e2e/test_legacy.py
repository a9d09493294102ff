"""Backups of the original Python script: what pandas writes, without a manifest, is listed, shown, queried and restored."""
import gzip
import json
import math
import sqlite3
import warnings

import numpy
import pandas
import pytest

import foreign

UNKNOWN = "no manifest: schema unknown"


def frame():
    rng = numpy.random.default_rng(3)
    rows = 500
    keep = rng.random(rows) < 0.8

    def some(values, dtype):
        return pandas.array([v if k else None for v, k in zip(values, keep)], dtype=dtype)

    out = pandas.DataFrame({
        "id": numpy.arange(rows, dtype="int64") * 3 - 7,
        "n": some(range(rows), "Int64"),
        "flag": some([i % 3 == 0 for i in range(rows)], "boolean"),
        "word": some([f"größer {i % 7}" for i in range(rows)], "string"),
        "plain": [f"text {i}" if k else None for i, k in enumerate(keep)],
        "score": [i / 7 if k else math.nan for i, k in enumerate(keep)],
        "small": rng.random(rows).astype("float32"),
        "bool": keep,
        "when": pandas.date_range("2024-05-29", periods=rows, freq="61s"),
        "zoned": pandas.date_range("2024-03-30 23:00", periods=rows, freq="h", tz="Europe/Berlin"),
        "kind": pandas.Categorical([["like", "repost", None][i % 3] for i in range(rows)]),
        "raw": [bytes([i % 256, 0, 255]) if k else None for i, k in enumerate(keep)],
    })
    out.loc[3, "when"] = pandas.NaT
    return out


def write_parquet(data, path, engine, compression, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.to_parquet(path, engine=engine, compression=compression, **options)


def write_json(data, path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.drop(columns="raw").to_json(path, orient="records", lines=True, **options)


@pytest.fixture
def store(litekeep, small):
    return foreign.make_store(litekeep, small)


def restored(litekeep, tmp_path, *args):
    """The restored database, and what was said."""
    target = tmp_path / f"restored-{len(list(tmp_path.iterdir()))}.db"
    done = litekeep("restore", *args, "--to", target)
    return sqlite3.connect(target), done


def sqlite_rows(database, table):
    """A table's rows, as foreign.py spells values."""
    database.text_factory = bytes
    cursor = database.execute("SELECT * FROM " + '"' + table.replace('"', '""') + '"')
    names = [d[0] for d in cursor.description]

    def one(value, is_text):
        if value is None or not isinstance(value, bytes):
            return value
        return foreign.text(value) if is_text else foreign.blob(value)

    classes = ", ".join("typeof(\"" + n.replace('"', '""') + '")' for n in names)
    kinds = database.execute(f"SELECT {classes} FROM " + '"' + table.replace('"', '""') + '"').fetchall()
    return [{n: one(v, k == b"text") for n, v, k in zip(names, row, kind)} for row, kind in zip(cursor, kinds)]


ENGINES = [("pyarrow", "gzip"), ("pyarrow", "snappy"), ("pyarrow", None), ("fastparquet", "GZIP"), ("fastparquet", "SNAPPY"),
           ("fastparquet", "ZSTD")]


@pytest.mark.parametrize("engine, compression", ENGINES)
@pytest.mark.sanitized
def test_parquet_of_pandas_is_shown_as_pyarrow_reads_it(litekeep, store, engine, compression):
    folder = foreign.legacy_folder(store, "posts") / "parquet"
    folder.mkdir()
    data = frame()
    write_parquet(data, folder / "post.parquet", engine, compression)
    write_parquet(data.set_index("plain").head(20), folder / "indexed.parquet.gzip", engine, compression, index=True)
    for name, path, rows in (("post", folder / "post.parquet", 500), ("indexed", folder / "indexed.parquet.gzip", 20)):
        expected = foreign.parquet_rows(path)
        assert len(expected) == rows
        assert foreign.differences(foreign.shown(litekeep, "posts", name), expected) == []
    table = {t["name"]: t for t in litekeep("show", "posts", "--json").json()["tables"]}["post"]
    assert table["rows"] == 500
    types = {c["name"]: c["declared_type"] for c in table["columns"]}
    assert types == {"id": "INTEGER", "n": "INTEGER", "flag": "BOOLEAN", "word": "TEXT", "plain": "TEXT", "score": "REAL", "small": "REAL",
                     "bool": "BOOLEAN", "when": "TEXT", "zoned": "TEXT", "kind": "TEXT", "raw": "BLOB"}


@pytest.mark.parametrize("engine, compression", ENGINES[::2])
def test_parquet_of_pandas_is_queried_and_restored(litekeep, store, tmp_path, engine, compression):
    folder = foreign.legacy_folder(store, "posts") / "parquet"
    folder.mkdir()
    path = folder / "post.parquet"
    write_parquet(frame(), path, engine, compression)
    expected = foreign.parquet_rows(path)
    assert litekeep("query", "posts", "SELECT count(*) AS n, sum(id) AS s FROM post WHERE id > 100 AND \"bool\"", "--format", "jsonl").json() == {
        "n": sum(r["id"] > 100 and r["bool"] for r in expected), "s": sum(r["id"] for r in expected if r["id"] > 100 and r["bool"])}
    rows = litekeep("query", "posts", "SELECT * FROM post", "--format", "jsonl").json_lines()
    assert foreign.differences(rows, expected) == []
    database, done = restored(litekeep, tmp_path, "posts")
    assert UNKNOWN in done.err + done.out, repr(done)
    assert foreign.differences(sqlite_rows(database, "post"), expected) == []
    declared = {name.decode(): type_.decode() for _, name, type_, *_ in database.execute("PRAGMA table_info(post)")}
    assert declared["id"] == "INTEGER" and declared["when"] == "TEXT" and declared["raw"] == "BLOB" and declared["score"] == "REAL"


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_json_of_pandas_is_shown_queried_and_restored(litekeep, store, tmp_path, compression):
    folder = foreign.legacy_folder(store, "posts") / "json"
    folder.mkdir()
    path = folder / ("post.json.gz" if compression else "post.json")
    write_json(frame(), path, compression=compression)
    content = gzip.decompress(path.read_bytes()) if compression else path.read_bytes()
    expected = [{k: int(v) if isinstance(v, bool) else v for k, v in json.loads(line).items()} for line in content.splitlines()]
    assert len(expected) == 500
    assert foreign.differences(foreign.shown(litekeep, "posts", "post"), expected) == []
    # Only reading the file whole would tell, which is done when the table is asked for.
    assert litekeep("show", "posts", "--json").json()["tables"][0]["rows"] is None
    assert " ? " in litekeep("show", "posts").out
    rows = litekeep("query", "posts", "SELECT * FROM post", "--format", "jsonl").json_lines()
    assert foreign.differences(rows, expected) == []
    database, done = restored(litekeep, tmp_path, "posts")
    assert UNKNOWN in done.err + done.out, repr(done)
    assert foreign.differences(sqlite_rows(database, "post"), expected) == []


def test_backups_of_the_script_are_listed_before_those_of_litekeep(litekeep, store):
    stamps = ["2024-05-29-09:14:42", "2024-05-29-17:14:42", "2024-05-30T01.14.42", "2024-05-30_091442.123456"]
    for stamp in (*stamps, "no timestamp", "2024-13-01-00:00:00"):
        folder = foreign.legacy_folder(store, "small", stamp) / "parquet"
        folder.mkdir()
        write_parquet(frame().head(3), folder / "post.parquet", "pyarrow", "gzip")
    (foreign.legacy_folder(store, "small", "2024-05-31-00:00:00") / "other").mkdir()
    backups = litekeep("list", "small", "--json").json()["databases"][0]["backups"]
    assert [b["id"] for b in backups if b["legacy"]] == stamps
    assert [b["legacy"] for b in backups] == [True] * 4 + [False]
    assert [b["stored_bytes"] > 1000 for b in backups[:4]] == [True] * 4
    out = litekeep("list", "small").out
    assert out.count("by script") == 4
    for when, stamp in (("2024-05-29", stamps[1]), ("2024-05-30T05:00:00Z", stamps[2]), ("latest~1", stamps[3]), ("2024-05-29-09", stamps[0])):
        shown = litekeep("show", f"small@{when}", "--json").json()
        assert shown["id"] == stamp and shown["legacy"] and shown["tables"][0]["rows"] == 3 and shown["rows"] == 3
        assert any(UNKNOWN in w for w in shown["warnings"])
    assert UNKNOWN in litekeep("show", "small@latest~1").out


NAMES = ["a b", "it's", 'quo"te', "größe", "sum(x)", "100%", "select", ".hidden", "a.b", "Post", "post_", "-rf", "$(id)"]


def test_tables_are_named_by_their_files(litekeep, store, tmp_path):
    backup = foreign.legacy_folder(store, "names")
    (backup / "parquet").mkdir()
    (backup / "json").mkdir()
    for i, name in enumerate(NAMES):
        data = pandas.DataFrame({"name": [name], "i": [i]})
        if i % 3 != 1:
            write_parquet(data, backup / "parquet" / f"{name}.parquet", "pyarrow", "gzip")
        if i % 3 != 0:
            data.to_json(backup / "json" / f"{name}.json.gz", orient="records", lines=True)
    (backup / "parquet" / "notes.txt").write_text("no table")
    (backup / "json" / "folder.json").mkdir()
    (backup / "parquet" / "link.parquet").symlink_to(backup / "parquet" / "a b.parquet")
    shown = {t["name"]: t for t in litekeep("show", "names", "--json").json()["tables"]}
    assert set(shown) == set(NAMES)
    for i, name in enumerate(NAMES):
        assert (shown[name]["parquet_path"] is not None, shown[name]["json_path"] is not None) == (i % 3 != 1, i % 3 != 0)
        if not name.startswith("-"):
            assert foreign.shown(litekeep, "names", name) == [{"name": name, "i": i}]
    for i, name in enumerate(NAMES):
        quoted = name.replace('"', '""')
        got = litekeep("query", "names", f'SELECT name, i FROM "{quoted}"', "--format", "jsonl").json()
        assert got == {"name": name, "i": i}
    database, _ = restored(litekeep, tmp_path, "names")
    assert {r[0] for r in database.execute("SELECT name FROM sqlite_schema")} == set(NAMES)
    for i, name in enumerate(NAMES):
        assert sqlite_rows(database, name) == [{"name": name, "i": i}]


def test_columns_whose_names_differ_by_case_alone_stay_apart(litekeep, store, tmp_path):
    backup = foreign.legacy_folder(store, "case")
    data = pandas.DataFrame([[1, 2, 3]], columns=["id", "ID", "Id_"])
    for kind in ("parquet", "json"):
        (backup / kind).mkdir()
    write_parquet(data, backup / "parquet" / "p.parquet", "pyarrow", "gzip")
    data.to_json(backup / "json" / "j.json", orient="records", lines=True)
    for table in ("p", "j"):
        assert litekeep("query", "case", f"SELECT * FROM {table}", "--format", "jsonl").json() == {"id": 1, "ID__": 2, "Id_": 3}
    database, _ = restored(litekeep, tmp_path, "case")
    for table in ("p", "j"):
        assert sqlite_rows(database, table) == [{"id": 1, "ID__": 2, "Id_": 3}]


def test_a_file_that_is_hurt_is_named_and_hides_no_other(litekeep, store):
    backup = foreign.legacy_folder(store, "hurt")
    for kind in ("parquet", "json"):
        (backup / kind).mkdir()
    data = frame()
    for name in ("whole", "cut", "both"):
        write_parquet(data, backup / "parquet" / f"{name}.parquet", "pyarrow", "gzip")
    write_json(data, backup / "json" / "both.json.gz")
    for name in ("cut", "both"):
        path = backup / "parquet" / f"{name}.parquet"
        path.write_bytes(path.read_bytes()[:-100])
    shown = litekeep("show", "hurt", "--json").json()
    assert {t["name"]: t["rows"] for t in shown["tables"]} == {"whole": 500, "cut": None, "both": None}
    assert any("cut.parquet" in w for w in shown["warnings"])
    assert len(foreign.shown(litekeep, "hurt", "whole")) == 500
    assert "cut.parquet" in litekeep("show", "hurt", "cut", expect=5).err
    done = litekeep("show", "hurt", "both", "--json", "--rows", 1000)  # from its JSON, which is said
    assert len(done.json()["rows"]) == 500 and "both.parquet" in done.err


@pytest.mark.sanitized
def test_a_table_that_cannot_be_made_keeps_no_other_back(litekeep, store, tmp_path):
    folder = foreign.legacy_folder(store)
    (folder / "parquet").mkdir()
    (folder / "json").mkdir()
    pandas.DataFrame({"id": [1, 2], "tags": [["a"], ["b", "c"]]}).to_parquet(folder / "parquet" / "nested.parquet")
    pandas.DataFrame({"id": [1, 2]}).to_parquet(folder / "parquet" / "flat.parquet")
    (folder / "json" / "keyless.json").write_text("{}\n{}\n")
    target = tmp_path / "restored.db"
    done = litekeep("restore", "old", "--to", target, expect=3)
    assert [row[0] for row in sqlite3.connect(target).execute("SELECT name FROM sqlite_schema")] == ["flat"]
    assert 'left out: table "nested": column "tags' in done.err and "it is nested" in done.err
    assert 'left out: table "keyless": its file names no columns' in done.err
    for name in ("nested", "keyless"):
        done = litekeep("restore", "old", "--to", tmp_path / "one.db", "--table", name, expect=3)
        assert f'table "{name}"' in done.err and not (tmp_path / "one.db").exists()
    assert "2 of the rows" in litekeep("show", "old", "keyless").out
    assert "it has no columns" in litekeep("query", "old", "SELECT count(*) FROM keyless", expect=3).err


def test_a_backup_of_the_script_is_never_written_to(litekeep, store, tmp_path, small):
    backup = foreign.legacy_folder(store, "small")
    (backup / "parquet").mkdir()
    write_parquet(frame(), backup / "parquet" / "post.parquet", "pyarrow", "gzip")
    before = {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in backup.rglob("*")}
    litekeep("show", "small@2024-05-29-09:14:42", "post")
    restored(litekeep, tmp_path, "small@2024-05-29-09:14:42")
    litekeep.backup(small)
    assert {p: (p.stat().st_mtime_ns, p.stat().st_ino) for p in backup.rglob("*")} == before
