"""A backup holds the same database as its source: compared value by value by oracle.py, through Parquet alone and through JSON alone."""
import os
import pathlib
import shutil
import sqlite3
import subprocess

import pytest

import awkward
import oracle
from conftest import make_small, snapshot_bytes

CORPUS = ["Chinook_Sqlite.sqlite", "accounts_sample.db", "boolean.db", "borked.db", "count.db", "decimal.db", "emptytype.db", "float.db", "fts.db",
          "giant_row_id.db", "issue44.db", "issue47.db", "longvarchar.db", "mixed_data_numeric.db", "negativepk.db", "norowid.db", "rtree.db",
          "unix_timestamp.db", "unsupported_view.db", "zeropk.db"]
AWKWARD = ["values.db", "affinity.db", "keys.db", "schema.sqlite", "names.sqlite3", "wide.db", "huge.db", "parts.db", "utf16le.db", "utf16be.db",
           "page512.db", "page65536.db", "no extension", "odd \n\x1b[31mname;$(id).db", "schema only.db"]
SLOW = {"parts.db", "huge.db"}


def copy(source, tmp_path):
    """A copy that the test owns, with a name of its own folder."""
    folder = tmp_path / "data"
    folder.mkdir(exist_ok=True)
    target = folder / pathlib.Path(source).name
    shutil.copyfile(source, target)
    return target


def check(litekeep, source, *options, formats=("parquet", "json"), expect=0):
    before = snapshot_bytes(source)
    litekeep.backup(*options, source, expect=expect)
    assert snapshot_bytes(source) == before, "the source was changed"
    return oracle.same(source, litekeep.latest(), formats=formats)


@pytest.mark.sanitized
@pytest.mark.parametrize("name", CORPUS)
def test_a_database_of_the_corpus_is_kept_exactly(litekeep, corpus, tmp_path, name):
    check(litekeep, copy(corpus / "sqlite" / name, tmp_path))


def test_every_readable_database_of_the_corpus_is_tested(corpus):
    present = {p.name for p in (corpus / "sqlite").iterdir()}
    assert present == set(CORPUS) | {"encrypted-aegis.db3"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in SLOW else [pytest.mark.sanitized]) for n in AWKWARD])
def test_an_awkward_database_is_kept_exactly(litekeep, awkward_folder, tmp_path, name):
    check(litekeep, copy(awkward_folder / name, tmp_path))


def test_a_file_of_no_bytes_is_a_database_without_tables(litekeep, awkward_folder, tmp_path):
    source = copy(awkward_folder / "zero.db", tmp_path)
    litekeep.backup(source)
    assert oracle.Backup(litekeep.latest()).tables == {}


@pytest.mark.parametrize("wal", [False, True])
def test_the_yardstick_is_kept_exactly(litekeep, yardstick, tmp_path, wal):
    source = copy(yardstick, tmp_path)
    if wal:
        db = sqlite3.connect(source)
        db.execute("PRAGMA journal_mode = WAL")
        db.close()
    assert check(litekeep, source) > 1_000_000


@pytest.mark.sanitized
@pytest.mark.parametrize("parquet_codec", ["zstd", "zstd:3", "gzip", "gzip:6", "snappy", "lz4", "none"])
@pytest.mark.parametrize("json_codec", ["gzip", "zstd", "none"])
def test_every_pair_of_codecs_keeps_the_database(litekeep, awkward_folder, tmp_path, parquet_codec, json_codec):
    source = copy(awkward_folder / "values.db", tmp_path)
    litekeep.backup("--parquet-codec", parquet_codec, "--json-codec", json_codec, source)
    folder = litekeep.latest()
    suffix = {"gzip": ".json.gz", "zstd": ".json.zst", "none": ".json"}[json_codec]
    assert all(p.name.endswith(suffix) for p in (folder / "json").rglob("*") if p.is_file())
    oracle.same(source, folder)


@pytest.mark.parametrize("level", ["gzip:0", "gzip:2", "gzip:9", "gzip:12", "zstd:-5", "zstd:19", "none"])
def test_every_level_keeps_the_database(litekeep, corpus, tmp_path, level):
    source = copy(corpus / "sqlite" / "Chinook_Sqlite.sqlite", tmp_path)
    litekeep.backup("--parquet-codec", level, "--json-codec", level, source)
    oracle.same(source, litekeep.latest())


@pytest.mark.parametrize("formats", ["parquet", "json", "sqlite", "parquet,sqlite", "json,parquet,sqlite"])
def test_only_the_chosen_formats_are_written(litekeep, corpus, tmp_path, formats):
    source = copy(corpus / "sqlite" / "Chinook_Sqlite.sqlite", tmp_path)
    litekeep.backup("--format", formats, source)
    folder = litekeep.latest()
    chosen = set(formats.split(","))
    assert {p.name for p in folder.iterdir() if p.is_dir()} == chosen
    if "sqlite" in chosen:
        (compressed,) = (folder / "sqlite").iterdir()
        assert compressed.name == "Chinook_Sqlite.sqlite.zst"
        plain = tmp_path / "copy.sqlite"
        subprocess.run(["zstd", "-dq", compressed, "-o", plain], check=True)
        assert subprocess.run(["sqlite3", plain, "PRAGMA integrity_check"], capture_output=True, text=True).stdout == "ok\n"
        mine, theirs = oracle.Source(plain), oracle.Source(source)
        assert mine.schema == theirs.schema
        assert all(mine.tables[n].values == theirs.tables[n].values for n in theirs.tables)
    if chosen - {"sqlite"}:
        oracle.same(source, folder, formats=tuple(chosen - {"sqlite"}))
    else:
        oracle.check_files(oracle.Backup(folder))


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted((folder / d for d in ("parquet", "json")), key=str) for p in p.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", ["values.db", "parts.db", "huge.db", "names.sqlite3"])
def test_the_number_of_jobs_changes_no_byte(litekeep, awkward_folder, tmp_path, name):
    source = copy(awkward_folder / name, tmp_path)
    outputs = []
    for jobs in (1, 2, 4):
        store = tmp_path / f"store{jobs}"
        litekeep.backup("--jobs", jobs, source, store=store)
        outputs.append(contents(litekeep.latest(store=store)))
        shutil.rmtree(store)
    assert outputs[0] == outputs[1] == outputs[2]
    assert outputs[0]


def test_little_memory_changes_no_byte(litekeep, awkward_folder, tmp_path):
    source = copy(awkward_folder / "values.db", tmp_path)
    litekeep.backup("--memory", "64M", source, store=tmp_path / "a")
    litekeep.backup("--memory", "2G", source, store=tmp_path / "b")
    assert contents(litekeep.latest(store=tmp_path / "a")) == contents(litekeep.latest(store=tmp_path / "b"))


def test_a_backup_that_is_not_verified_is_the_same_but_says_so(litekeep, awkward_folder, tmp_path):
    source = copy(awkward_folder / "keys.db", tmp_path)
    litekeep.backup(source, store=tmp_path / "a")
    litekeep.backup("--no-verify", source, store=tmp_path / "b")
    verified, not_verified = (litekeep.latest(store=tmp_path / s) for s in "ab")
    assert contents(verified) == contents(not_verified)
    stamps = [part.get("verified_at") for t in oracle.Backup(verified).manifest["tables"] for part in t["parts"]]
    assert all(stamps) and stamps
    assert not any(part.get("verified_at") for t in oracle.Backup(not_verified).manifest["tables"] for part in t["parts"])


def test_a_big_table_is_cut_into_parts_of_one_folder(litekeep, awkward_folder, tmp_path):
    source = copy(awkward_folder / "parts.db", tmp_path)
    litekeep.backup(source)
    folder = litekeep.latest()
    parts = oracle.Backup(folder).parts("big")
    assert len(parts) > 1
    assert sorted(p.name for p in (folder / "parquet" / "big.parquet").iterdir()) == sorted(pathlib.Path(p["files"]["parquet"]["file"]).name for p in parts)
    assert all(pathlib.Path(p["files"]["parquet"]["file"]).name.startswith("part-") for p in parts)
    assert all(p["files"]["parquet"]["file"].startswith("parquet/big.parquet/") and p["files"]["json"]["file"].startswith("json/big.json/") for p in parts)


def test_chosen_tables_only(litekeep, corpus, tmp_path):
    source = copy(corpus / "sqlite" / "Chinook_Sqlite.sqlite", tmp_path)
    litekeep.backup("--table", "A*", source)
    assert set(oracle.Backup(litekeep.latest()).tables) == {"Album", "Artist"}
    litekeep.backup("--skip-table", "*Track*", source)
    assert "Album" in oracle.Backup(litekeep.latest()).tables
    assert not [t for t in oracle.Backup(litekeep.latest()).tables if "Track" in t]


def test_the_schema_script_runs_in_the_shell(litekeep, corpus, awkward_folder, tmp_path):
    for source in (corpus / "sqlite" / "Chinook_Sqlite.sqlite", awkward_folder / "schema.sqlite", awkward_folder / "names.sqlite3", awkward_folder / "keys.db"):
        store = tmp_path / f"store-{source.stem}"
        litekeep.backup(copy(source, tmp_path), store=store)
        rebuilt = tmp_path / f"{source.stem}.rebuilt"
        done = subprocess.run(["sqlite3", "-bail", rebuilt], stdin=open(litekeep.latest(store=store) / "schema.sql"), capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), source
        internal = "name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        query = f"SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE {internal} ORDER BY type, name"
        mine, theirs = sqlite3.connect(rebuilt).execute(query).fetchall(), sqlite3.connect(source).execute(query).fetchall()
        assert mine == theirs


def test_what_a_schema_needs_and_litekeep_has_not_loses_no_row(litekeep, tmp_path):
    """Collations, functions and tokenizers of an application: rows are read with stand-ins, and a page copy is kept as well."""
    source = tmp_path / "foreign.db"
    db = awkward.connect(source)
    db.create_collation("mine", lambda a, b: (a < b) - (a > b))
    db.create_function("shout", 1, lambda s: str(s).upper() + "!", deterministic=True)
    db.execute("CREATE TABLE collated (k TEXT COLLATE mine PRIMARY KEY, v) WITHOUT ROWID")
    db.execute("INSERT INTO collated VALUES ('a', 1), ('c', 3), ('b', 2)")
    db.execute("CREATE TABLE indexed (v TEXT COLLATE mine, w, s TEXT AS (shout(w)) STORED, x TEXT AS (shout(v)) VIRTUAL, CHECK (shout(w) IS NOT NULL))")
    db.execute("INSERT INTO indexed (v, w) VALUES ('x', 'y'), ('a', 'b')")
    db.execute("CREATE INDEX by_mine ON indexed (v)")
    db.execute("CREATE INDEX by_shout ON indexed (shout(w))")
    db.close()
    litekeep.backup(source, expect=(0, 3))
    folder = litekeep.latest()
    assert (folder / "sqlite" / "foreign.sqlite.zst").exists()
    backup = oracle.Backup(folder)
    # The order of `collated` is the application's, which only the stored order knows: compare as sets.
    theirs = oracle.Source(source, collations=["mine"], functions=[("shout", 1)], tables={"indexed"})
    for read in (oracle.read_parquet, oracle.read_json):
        oracle.compare_rows(theirs.tables["indexed"], read(folder, backup.tables["indexed"]), "indexed")
        rows = read(folder, backup.tables["collated"])
        assert sorted(zip(*rows.values)) == [(("text", b"a"), ("integer", 1)), (("text", b"b"), ("integer", 2)), (("text", b"c"), ("integer", 3))]


def test_an_append_moves_no_boundary_between_parts(litekeep, awkward_folder, tmp_path):
    source = copy(awkward_folder / "parts.db", tmp_path)
    litekeep.backup(source)
    db = sqlite3.connect(source)
    db.execute("INSERT INTO big (a, b, c) VALUES ('one more', 1, 2.5)")
    db.commit()
    db.close()
    litekeep.backup(source)
    first, second = litekeep.backups("parts")
    oracle.same(source, second)
    hashes = lambda folder: [part["hash"] for part in oracle.Backup(folder).parts("big")]
    before, after = hashes(first), hashes(second)
    assert len(before) > 1 and before[:-1] == after[: len(before) - 1], "all parts but the last hold what they held"


def test_a_change_of_a_small_table_is_found_however_small(litekeep, small):
    litekeep.backup(small)
    stat = os.stat(small)
    db = sqlite3.connect(small)
    db.execute("UPDATE post SET likes = likes + 1 WHERE id = 7")
    db.commit()
    db.close()
    os.utime(small, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # the same size and time as before
    litekeep.backup(small)
    oracle.same(small, litekeep.latest())


def test_the_columns_of_a_table_never_narrow(litekeep, small):
    db = sqlite3.connect(small)
    db.execute("UPDATE post SET likes = 'many' WHERE id = 7")
    db.commit()
    litekeep.backup(small)
    db.execute("UPDATE post SET likes = 7 WHERE id = 7")
    db.commit()
    db.close()
    litekeep.backup(small)
    columns = [[c.get("exceptions") for c in oracle.Backup(f).tables["post"]["columns"]["columns"]] for f in litekeep.backups("small")]
    assert columns[0] == columns[1] and {"text": "likes__text"} in columns[0]
    oracle.same(small, litekeep.latest())


def test_an_altered_table_is_kept_exactly(litekeep, small):
    litekeep.backup(small)
    db = sqlite3.connect(small)
    db.execute("ALTER TABLE post ADD COLUMN added TEXT DEFAULT 'default of old rows'")
    db.execute("INSERT INTO post (text, added) VALUES ('new', NULL)")
    db.execute("ALTER TABLE post RENAME COLUMN likes TO hearts")
    db.execute("ALTER TABLE kind RENAME TO sort")
    db.commit()
    db.close()
    litekeep.backup(small)
    oracle.same(small, litekeep.latest())


def test_a_source_given_by_a_link_or_relative_path_is_one_database(litekeep, small):
    (small.parent / "link.db").symlink_to(small)
    litekeep.backup(small)
    litekeep.backup(small.parent / "link.db")
    litekeep.backup("small.db", cwd=small.parent)
    assert len(litekeep.backups("small")) == 3


def test_two_databases_of_one_stem_have_folders_of_their_own(litekeep, tmp_path):
    paths = [tmp_path / folder / "posts.db" for folder in ("a", "b")]
    for i, path in enumerate(paths):
        path.parent.mkdir()
        make_small(path, rows=10 + i)
    litekeep.backup(tmp_path / "a", tmp_path / "b")
    names = litekeep.databases()
    assert len(names) == 2 and "posts" in names
    rows = sorted(oracle.Backup(litekeep.latest(name)).tables["post"]["rows"] for name in names)
    assert rows == [10, 11]
    assert litekeep("show", "posts", "--json").json()["database"] == "posts"  # a folder's own name is not ambiguous
    litekeep("show", "posts.db", expect=2)  # two owners: say which
