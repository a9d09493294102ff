"""The comparator can fail: each difference that it must see is made, and seen by its name."""
import shutil
import sqlite3

import pytest

import awkward
from same import Different, same, sound

SCHEMA = """
    CREATE TABLE t (v);
    CREATE TABLE empty (x);
    CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT, v);
    INSERT INTO auto (v) VALUES (1), (2);
    CREATE TABLE keyed (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
    INSERT INTO keyed VALUES ('a', 1), ('b', 2);
    CREATE INDEX t_v ON t (v);
    CREATE VIEW seen AS SELECT v FROM t;
    CREATE VIRTUAL TABLE note USING fts5 (body);
    INSERT INTO note VALUES ('a quick fox');
"""
# What is done to the second database, and what the message must name.
CHANGES = {
    "an integer became a real": ("UPDATE t SET v = 5.0 WHERE rowid = 1", "'v', row 1"),
    "a real became an integer": ("UPDATE t SET v = 7 WHERE rowid = 3", "'v', row 3"),
    "a zero lost its sign": ("UPDATE t SET v = 0.0 WHERE rowid = 4", "'v', row 4"),
    "one unit was lost above 2^53": ("UPDATE t SET v = 9007199254740992 WHERE rowid = 5", "'v', row 5"),
    "text was cut at NUL": ("UPDATE t SET v = 'a' WHERE rowid = 6", "'v', row 6"),
    "a blob became text": ("UPDATE t SET v = CAST(v AS TEXT) WHERE rowid = 7", "'v', row 7"),
    "NULL became the empty string": ("UPDATE t SET v = '' WHERE rowid = 8", "'v', row 8"),
    "text that is not UTF-8 was mended": ("UPDATE t SET v = 'caf\ufffd' WHERE rowid = 9", "'v', row 9"),
    "an infinity changed its sign": ("UPDATE t SET v = -9e999 WHERE rowid = 10", "'v', row 10"),
    "a row is missing": ("DELETE FROM t WHERE rowid = 10", "'t', rows"),
    "a row too many": ("INSERT INTO empty VALUES (NULL)", "'empty', rows"),
    "a rowid": ("UPDATE t SET rowid = 100 WHERE rowid = 10", "rowid of row 10"),
    "a key": ("UPDATE keyed SET k = 'c' WHERE k = 'b'", "'k', row 2"),
    "the sequence": ("UPDATE sqlite_sequence SET seq = 3", "'sqlite_sequence'"),
    "a shadow table": ("UPDATE note_content SET c0 = 'a quick cat'", "'note_content'"),
    "a table is missing": ("DROP TABLE empty", "sqlite_schema"),
    "an index is missing": ("DROP INDEX t_v", "sqlite_schema"),
    "the order of the schema": ("DROP INDEX t_v; DROP VIEW seen; CREATE VIEW seen AS SELECT v FROM t; CREATE INDEX t_v ON t (v)", "sqlite_schema"),
    "the spelling of the schema": ("DROP VIEW seen; CREATE VIEW seen AS SELECT  v FROM t", "sqlite_schema"),
    "one more object": ("CREATE TRIGGER added AFTER INSERT ON t BEGIN SELECT 1; END", "the number of rows of sqlite_schema"),
    "user_version": ("PRAGMA user_version = 3", "user_version"),
    "application_id": ("PRAGMA application_id = 3", "application_id"),
    "the journal mode": ("PRAGMA journal_mode = WAL", "wal"),
    "page_size": ("PRAGMA page_size = 8192; VACUUM", "page_size"),
    "auto_vacuum": ("PRAGMA auto_vacuum = FULL; VACUUM", "auto_vacuum"),
}


def make(path, encoding="UTF-8"):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA encoding = '{encoding}'")
    db.executescript(SCHEMA)
    for value in (5, 5.0, 7.0, -0.0, 9007199254740993, "a\0b", b"bc", None):
        db.execute("INSERT INTO t VALUES (?)", [value])
    db.execute("INSERT INTO t VALUES (CAST(? AS TEXT))", [b"caf\xe9"])
    db.execute("INSERT INTO t VALUES (9e999)")
    db.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two files that are the same database, though not the same bytes."""
    folder = tmp_path_factory.mktemp("pair")
    make(folder / "a.db")
    shutil.copyfile(folder / "a.db", folder / "b.db")
    db = sqlite3.connect(folder / "b.db", isolation_level=None)
    db.executescript("CREATE TABLE gone (x); INSERT INTO gone VALUES (zeroblob(100000)); DROP TABLE gone")
    db.close()
    assert (folder / "a.db").read_bytes() != (folder / "b.db").read_bytes()
    assert same(folder / "a.db", folder / "b.db") > 10
    return folder


@pytest.mark.parametrize("change", CHANGES)
def test_a_difference_is_seen_and_named(pair, tmp_path, change):
    shutil.copyfile(pair / "b.db", tmp_path / "b.db")
    statements, named = CHANGES[change]
    db = sqlite3.connect(tmp_path / "b.db", isolation_level=None)
    db.executescript(statements)
    db.close()
    with pytest.raises(Different) as seen:
        same(pair / "a.db", tmp_path / "b.db")
    assert named in str(seen.value)


def test_another_encoding_is_seen(pair, tmp_path):
    make(tmp_path / "b.db", "UTF-16le")
    with pytest.raises(Different, match="encoding"):
        same(pair / "a.db", tmp_path / "b.db")


def test_only_the_tables_asked_for_are_compared(pair, tmp_path):
    db = sqlite3.connect(tmp_path / "b.db", isolation_level=None)
    db.executescript("CREATE TABLE other (x); CREATE TABLE keyed (k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO keyed VALUES ('a', 1), ('b', 2)")
    db.close()
    assert same(pair / "a.db", tmp_path / "b.db", tables=["keyed"], schema=False) == 4
    with pytest.raises(Different, match="the tables"):
        same(pair / "a.db", tmp_path / "b.db", tables=["t"], schema=False)
    with pytest.raises(Different, match="neither has"):
        same(pair / "a.db", tmp_path / "b.db", tables=["nowhere"], schema=False)


def test_comparing_changes_no_file(pair, tmp_path):
    shutil.copyfile(pair / "a.db", tmp_path / "a.db")
    db = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    before = (tmp_path / "a.db").read_bytes()
    same(tmp_path / "a.db", tmp_path / "a.db")
    sound(tmp_path / "a.db")
    assert (tmp_path / "a.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_an_index_that_does_not_fit_is_unsound(pair, tmp_path):
    shutil.copyfile(pair / "a.db", tmp_path / "b.db")
    sound(tmp_path / "b.db")
    db = sqlite3.connect(tmp_path / "b.db", isolation_level=None)
    db.executescript("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX t_v ON t (v DESC)' WHERE name = 't_v'")
    db.close()
    with pytest.raises(Different, match="t_v"):
        sound(tmp_path / "b.db")


@pytest.mark.parametrize("recipe", ["keys", "schema_objects", "names"])
def test_a_copy_by_the_backup_interface_is_the_same(tmp_path, recipe):
    source, copy = sqlite3.connect(tmp_path / "a.db", isolation_level=None), sqlite3.connect(tmp_path / "b.db", isolation_level=None)
    getattr(awkward, recipe)(source)
    source.backup(copy)
    source.close()
    copy.close()
    assert same(tmp_path / "a.db", tmp_path / "b.db")
