"""Every table is readable without litekeep: by pyarrow, pandas, DuckDB, Polars, zcat, jq, sha256sum."""
import gzip
import json
import pathlib
import shutil
import sqlite3
import subprocess

import duckdb
import pandas
import polars
import pyarrow.dataset
import pyarrow.parquet
import pytest

import oracle
from conftest import tool

NAMES = ["values.db", "keys.db", "names.sqlite3", "wide.db", "schema.sqlite", "utf16le.db", "affinity.db", "parts.db", "Chinook_Sqlite.sqlite", "posts.db"]


@pytest.fixture(params=NAMES)
def backup(request, litekeep, awkward_folder, tmp_path):
    name = request.param
    if name == "posts.db":
        source = request.getfixturevalue("yardstick")
    elif name == "Chinook_Sqlite.sqlite":
        source = request.getfixturevalue("corpus") / "sqlite" / name
    else:
        source = awkward_folder / name
    own = tmp_path / name
    shutil.copyfile(source, own)
    litekeep.backup(own)
    return oracle.Backup(litekeep.latest())


def tables(backup):
    """Each table's Parquet file or folder of parts, and how many rows it has."""
    for name, table in backup.tables.items():
        paths = [backup.folder / part["files"]["parquet"]["file"] for part in table["parts"]]
        yield name, paths[0] if len(paths) == 1 else paths[0].parent, table


def test_pandas_reads_every_table(backup):
    for name, path, table in tables(backup):
        frame = pandas.read_parquet(path)
        assert len(frame) == table["rows"], name


def test_pyarrow_reads_every_table_with_its_checksums(backup):
    for name, path, table in tables(backup):
        assert pyarrow.dataset.dataset(path, format="parquet").count_rows() == table["rows"], name
        files = [path] if path.is_file() else sorted(path.iterdir())
        schemas = [pyarrow.parquet.read_schema(f).remove_metadata() for f in files]
        assert all(schema == schemas[0] for schema in schemas), "all parts of a table have the same columns"


def test_duckdb_reads_every_table(backup):
    db = duckdb.connect()
    for name, path, table in tables(backup):
        glob = str(path if path.is_file() else path / "*.parquet").replace("[", "[[]").replace("'", "''")
        relation = db.sql(f"SELECT * FROM read_parquet('{glob}', hive_partitioning = false)")
        assert len(relation.fetchall()) == table["rows"], name


def test_polars_reads_every_table(backup):
    for name, path, table in tables(backup):
        frame = polars.read_parquet(path if path.is_file() else path / "*.parquet", hive_partitioning=False, glob=path.is_dir())
        assert len(frame) == table["rows"], name


def test_pandas_parses_every_json_file(backup):
    for name, table in backup.tables.items():
        for part in table["parts"]:
            if part["rows"]:
                frame = pandas.read_json(backup.folder / part["files"]["json"]["file"], lines=True, dtype=False, convert_dates=False, compression="gzip")
                assert len(frame) == part["rows"], name


def test_zcat_and_jq_parse_every_json_file(backup):
    jq = tool("jq")
    files = sorted((backup.folder / "json").rglob("*.gz"))
    assert files
    for start in range(0, len(files), 100):
        some = files[start:start + 100]
        unpacked = subprocess.run(["zcat", "--", *some], capture_output=True, check=True).stdout
        parsed = subprocess.run([jq, "-c", "length"], input=unpacked, capture_output=True)
        assert (parsed.returncode, parsed.stderr) == (0, b"")
        assert len(parsed.stdout.split()) == unpacked.count(b"\n")


def test_sha256sum_confirms_every_file(backup):
    done = subprocess.run([tool("sha256sum"), "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=backup.folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_sums_are_the_same_in_sqlite_duckdb_and_pandas(litekeep, yardstick, tmp_path):
    own = tmp_path / "posts.db"
    shutil.copyfile(yardstick, own)
    litekeep.backup(own)
    backup = oracle.Backup(litekeep.latest())
    (path,) = [p for n, p, _ in tables(backup) if n == "transformedrecordwithauthor"]
    query = "SELECT count(*), count(like_count), sum(like_count), max(seq), sum(is_reply), min(uri), max(text), count(reply) FROM "
    theirs = sqlite3.connect(own).execute(query + "transformedrecordwithauthor").fetchone()
    glob = path if path.is_file() else path / "*.parquet"
    assert duckdb.sql(f"{query} read_parquet('{glob}')").fetchall()[0] == theirs
    frame = pandas.read_parquet(path)
    assert (len(frame), int(frame["like_count"].sum()), int(frame["is_reply"].sum())) == (theirs[0], theirs[2], theirs[4])


def test_money_sums_right_in_one_column(litekeep, awkward_folder, tmp_path):
    """DECIMAL columns hold integers and reals mixed: one DOUBLE column, or sums are wrong."""
    own = tmp_path / "values.db"
    shutil.copyfile(awkward_folder / "values.db", own)
    litekeep.backup(own)
    path = litekeep.latest() / "parquet" / "money.parquet"
    assert pyarrow.parquet.read_schema(path).names == ["id", "price", "flag", "day", "at", "at__text"]
    (theirs,) = sqlite3.connect(own).execute("SELECT sum(price) FROM money").fetchone()
    assert duckdb.sql(f"SELECT sum(price) FROM read_parquet('{path}')").fetchall()[0] == (theirs,)


def test_filters_on_statistics_skip_no_row(litekeep, awkward_folder, tmp_path):
    """Row group statistics are used by readers to skip: wrong ones would lose rows."""
    own = tmp_path / "values.db"
    shutil.copyfile(awkward_folder / "values.db", own)
    litekeep.backup(own)
    db = sqlite3.connect(own)
    late, runs = (litekeep.latest() / "parquet" / f"{t}.parquet" for t in ("late", "runs"))
    for value in (1, 65536, 65537, 149999, 199998):
        assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{late}') WHERE v = {value}").fetchall()[0] == \
            db.execute("SELECT count(*) FROM late WHERE v = ? AND typeof(v) = 'integer'", [value]).fetchone()
    assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{late}') WHERE v__text = 'surprise'").fetchall()[0] == (1,)
    for few in ("kind0", "kind6", "kind7"):
        expected = db.execute("SELECT count(*) FROM runs WHERE few = ?", [few]).fetchone()
        assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{runs}') WHERE few = '{few}'").fetchall()[0] == expected
        assert len(polars.scan_parquet(runs).filter(polars.col("few") == few).collect()) == expected[0]
        assert len(pyarrow.parquet.read_table(runs, filters=[("few", "=", few)])) == expected[0]
    # -0.0 and 0.0 are equal; the statistics must cover both.
    path = litekeep.latest() / "parquet" / "pair_real_real_none.parquet"
    expected = db.execute("SELECT count(*) FROM pair_real_real_none WHERE v = 0").fetchone()
    assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{path}') WHERE v = 0").fetchall()[0] == expected
    assert len(pyarrow.parquet.read_table(path, filters=[("v", "=", 0.0)])) == expected[0]


def test_the_writer_is_named_as_other_readers_parse_it(litekeep, small):
    import re
    litekeep.backup(small)
    for path in (litekeep.latest() / "parquet").rglob("*.parquet"):
        created_by = pyarrow.parquet.read_metadata(path).created_by
        assert re.fullmatch(r"litekeep version \d+\.\d+\.\d+( \(build [^)]+\))?", created_by), created_by


def test_gzip_files_are_made_of_members_that_python_reads_as_one(litekeep, yardstick, tmp_path):
    own = tmp_path / "posts.db"
    shutil.copyfile(yardstick, own)
    litekeep.backup(own)
    rows = 0
    for path in sorted((litekeep.latest() / "json").rglob("transformed*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                rows += 1
                json.loads(line)
    assert rows == sqlite3.connect(own).execute("SELECT count(*) FROM transformedrecordwithauthor").fetchone()[0]
