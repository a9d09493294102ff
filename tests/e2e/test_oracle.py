"""The oracle can fail: each kind of loss that it must see is made, and seen."""
import gzip
import json
import shutil
import sqlite3

import pytest

import oracle

CHANGES = {
    "an integer became a real": "UPDATE t SET v = 5.0 WHERE v = 5 AND typeof(v) = 'integer'",
    "a real became an integer": "UPDATE t SET v = 7 WHERE typeof(v) = 'real' AND v = 7.0",
    "a zero lost its sign": "UPDATE t SET v = 0.0 WHERE typeof(v) = 'real' AND v = 0.0",
    "one unit was lost above 2^53": "UPDATE t SET v = 9007199254740992 WHERE v = 9007199254740993",
    "text was cut at NUL": "UPDATE t SET v = 'a' WHERE hex(CAST(v AS BLOB)) = '610062' AND typeof(v) = 'text'",
    "a blob became text": "UPDATE t SET v = CAST(v AS TEXT) WHERE v = x'6263'",
    "NULL became the empty string": "UPDATE t SET v = '' WHERE v IS NULL",
    "a text's last bit": "UPDATE t SET v = 'texu' WHERE v = 'text'",
    "a row is missing": "DELETE FROM t WHERE v = 'text'",
    "a rowid": "UPDATE t SET rowid = 100 WHERE v = 'text'",
    "two rows changed places": "UPDATE t SET v = CASE rowid WHEN 1 THEN (SELECT v FROM t WHERE rowid = 2) ELSE v END",
    "a table is missing": "DROP TABLE empty",
    "a default in the schema": "CREATE TABLE other (x)",
    "user_version": "PRAGMA user_version = 3",
}


@pytest.fixture
def pair(litekeep, tmp_path):
    path = tmp_path / "t.db"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("CREATE TABLE t (v)")
    for value in (5, 5.0, 7.0, -0.0, 9007199254740993, "a\0b", b"bc", None, "text", float("inf")):
        db.execute("INSERT INTO t VALUES (?)", [value])
    db.execute("CREATE TABLE empty (x)")
    db.close()
    litekeep.backup(path)
    oracle.same(path, litekeep.latest())
    return path, litekeep.latest()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("formats", [("parquet",), ("json",)], ids="".join)
def test_a_difference_is_seen(pair, change, formats):
    path, folder = pair
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(CHANGES[change])
    db.close()
    with pytest.raises(AssertionError):
        oracle.same(path, folder, formats=formats)


def test_a_changed_file_is_seen(pair, tmp_path):
    path, folder = pair
    for name in ("parquet/t.parquet", "json/t.json.gz", "schema.sql", "manifest.json", "SHA256SUMS"):
        copy = tmp_path / name.replace("/", "-")
        shutil.copytree(folder, copy)
        victim = copy / name
        victim.chmod(0o600)
        victim.write_bytes(victim.read_bytes() + b"\n")
        with pytest.raises((AssertionError, ValueError)):
            oracle.check_files(oracle.Backup(copy))


def test_an_extra_file_is_seen(pair, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(pair[1], copy)
    copy.chmod(0o700)
    (copy / "extra").touch()
    with pytest.raises(AssertionError):
        oracle.check_files(oracle.Backup(copy))
