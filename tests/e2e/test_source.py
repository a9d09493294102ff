"""The source: one consistent state of it is read, whatever mode it is in and whoever writes, and it is never changed."""
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

import awkward
import oracle
from conftest import make_small, snapshot_bytes, wait_for


def rows(folder, table="post"):
    return oracle.Backup(folder).tables[table]["rows"]


def writer(path, wal=False):
    db = sqlite3.connect(path, isolation_level=None, timeout=0)
    if wal:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
    return db


@pytest.mark.sanitized
def test_rows_that_are_only_in_the_wal_are_backed_up_and_stay_there(litekeep, small):
    db = writer(small, wal=True)
    db.execute("INSERT INTO post (text) VALUES ('only in the WAL')")
    before = snapshot_bytes(small)
    assert before["-wal"]
    litekeep.backup(small)
    assert snapshot_bytes(small) == before
    assert rows(litekeep.latest()) == 301
    assert oracle.Backup(litekeep.latest()).manifest["pragmas"]["wal"] is True
    oracle.same(small, litekeep.latest())
    db.execute("INSERT INTO post (text) VALUES ('the writer goes on')")
    db.close()


def orphan_wal(small, target):
    """A database with a WAL that a killed writer left, and no -shm."""
    db = writer(small, wal=True)
    db.execute("INSERT INTO post (text) VALUES ('only in the WAL')")
    target.mkdir()
    shutil.copyfile(small, target / "left.db")
    shutil.copyfile(f"{small}-wal", target / "left.db-wal")
    db.close()
    return target / "left.db"


@pytest.mark.sanitized
def test_a_wal_that_a_killed_writer_left_is_read_and_not_checkpointed(litekeep, small, tmp_path):
    left = orphan_wal(small, tmp_path / "left")
    before = snapshot_bytes(left)
    litekeep.backup(left)
    assert snapshot_bytes(left) == before
    assert rows(litekeep.latest()) == 301


def test_a_clean_wal_database_is_left_without_anything_beside_it(litekeep, small):
    db = writer(small, wal=True)
    db.close()
    assert os.listdir(small.parent) == ["small.db"]
    before = snapshot_bytes(small)
    litekeep.backup(small)
    assert os.listdir(small.parent) == ["small.db"]
    assert snapshot_bytes(small) == before


HOT = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 5")
db.execute("BEGIN")
db.execute("UPDATE post SET text = 'uncommitted ' || hex(zeroblob(200))")
db.execute("CREATE TABLE uncommitted (x)")
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def hot(small):
    """A database whose writer was killed in the midst of a transaction: pages are written, the journal would undo them."""
    before = oracle.Source(small)
    subprocess.run([sys.executable, "-c", HOT, small])
    assert os.path.getsize(f"{small}-journal") > 512
    return small, before


@pytest.mark.sanitized
def test_a_hot_journal_is_undone_in_a_copy_only(litekeep, hot):
    path, before = hot
    bytes_before = snapshot_bytes(path)
    litekeep.backup(path)
    assert snapshot_bytes(path) == bytes_before, "the journal must not be rolled back in the source"
    backup = oracle.Backup(litekeep.latest())
    assert set(backup.tables) == set(before.tables)
    for name, table in before.tables.items():
        oracle.compare_rows(table, oracle.read_parquet(backup.folder, backup.tables[name]), name)


@pytest.mark.root
@pytest.mark.parametrize("kind", ["rollback", "clean wal", "pending wal", "hot journal"])
def test_a_database_on_read_only_media_is_read(litekeep, request, small, tmp_path, mounts, kind):
    expected = 301 if kind == "pending wal" else 300
    if kind == "clean wal":
        writer(small, wal=True).close()
    elif kind == "pending wal":
        small = orphan_wal(small, tmp_path / "left")
    elif kind == "hot journal":
        request.getfixturevalue("hot")
    mount = mounts.tmpfs("media", "size=16m")
    for suffix in ("", "-wal", "-journal"):
        if os.path.exists(f"{small}{suffix}"):
            shutil.copyfile(f"{small}{suffix}", f"{mount}/media.db{suffix}")
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
    litekeep.backup(mount)
    assert rows(litekeep.latest()) == expected


def test_a_database_that_is_locked_exclusively_is_reported_and_the_others_are_done(litekeep, small):
    other = small.parent / "other.db"
    make_small(other)
    db = writer(small)
    db.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    done = litekeep.backup(small.parent, expect=3, timeout=60)
    assert "small.db" in done.err and "lock" in done.err
    assert time.monotonic() - started < 40, "the retry is bounded"
    db.execute("ROLLBACK")
    assert litekeep.backups("other") and not litekeep.backups("small")
    litekeep.backup(small.parent)
    assert litekeep.backups("small")


def test_a_lock_that_is_given_up_in_time_is_waited_for(litekeep, small):
    db = sqlite3.connect(small, isolation_level=None, timeout=0, check_same_thread=False)
    db.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(0.7, lambda: db.execute("COMMIT"))
    timer.start()
    litekeep.backup(small)
    timer.join()
    assert rows(litekeep.latest()) == 300


@pytest.mark.parametrize("how", ["auto", "read", "copy"])
@pytest.mark.parametrize("wal", [False, True])
def test_every_way_to_pin_a_state_reads_the_same(litekeep, small, how, wal):
    db = writer(small, wal=wal)
    before = snapshot_bytes(small)
    litekeep.backup("--snapshot", how, small)
    assert snapshot_bytes(small) == before
    oracle.same(small, litekeep.latest())
    db.close()


def test_copies_are_made_in_the_folder_given_and_removed(litekeep, hot, tmp_path):
    path, _ = hot
    tmp = tmp_path / "copies"
    tmp.mkdir()
    litekeep.backup("--tmp", tmp, path)
    assert os.listdir(tmp) == []


def test_a_backup_of_a_file_that_is_replaced_meanwhile_holds_one_of_the_two(litekeep, yardstick, tmp_path):
    """`mv` over the database in mid-run: the backup is of the old file, of the new one, or refused; never of a mixture."""
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "posts.db"
    other = tmp_path / "other.db"
    make_small(other, rows=77)
    outcomes = set()
    for delay in (0.0, 0.02, 0.05, 0.1, 0.2, 0.4):
        shutil.copyfile(yardstick, path)
        again = tmp_path / "again.db"
        shutil.copyfile(other, again)
        process = litekeep.start("backup", "--init", path)
        time.sleep(delay)
        os.replace(again, path)
        done = litekeep.finish(process)
        assert done.status in (0, 3, 4), repr(done)
        if done.status == 3:
            outcomes.add("refused")
        elif "post" in oracle.Backup(litekeep.latest("posts")).tables:
            oracle.same(other, litekeep.latest("posts"))
            outcomes.add("new")
        else:
            oracle.same(yardstick, litekeep.latest("posts"))
            outcomes.add("old")
    assert outcomes & {"old", "new"}


def test_a_file_that_is_written_over_by_cp_is_never_half_old_half_new(litekeep, yardstick, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "posts.db"
    other = tmp_path / "other.db"
    shutil.copyfile(yardstick, other)
    db = sqlite3.connect(other)
    db.execute("UPDATE transformedrecordwithauthor SET like_count = -1, text = 'other'")
    db.commit()
    db.close()
    for delay in (0.0, 0.03, 0.1, 0.3):
        shutil.copyfile(yardstick, path)
        process = litekeep.start("backup", "--init", path)
        time.sleep(delay)
        shutil.copyfile(other, path)
        done = litekeep.finish(process)
        assert done.status in (0, 3, 4), repr(done)
        if litekeep.databases() and litekeep.backups("posts") and done.status == 0:
            backup = oracle.Backup(litekeep.latest("posts"))
            if not backup.tables:  # the moment at which it had been emptied, before the first new page
                assert backup.manifest["source"]["bytes"] == 0
                continue
            table = backup.tables["transformedrecordwithauthor"]
            read = oracle.read_parquet(litekeep.latest("posts"), table)
            likes = read.values[[c["name"] for c in table["columns"]["columns"]].index("like_count")]
            same = sum(v == ("integer", -1) for v in likes)
            assert same in (0, len(likes)), f"{same} of {len(likes)} rows are the new file's"


@pytest.mark.sanitized
def test_a_damaged_table_fails_its_database_only_and_is_named(litekeep, small, tmp_path):
    make_small(small.parent / "whole.db")
    big = tmp_path / "big.db"
    make_small(big, rows=5000)
    awkward.spoil(big, small.parent / "spoilt.db", "post")
    before = snapshot_bytes(small.parent / "spoilt.db")
    done = litekeep.backup(small.parent, expect=3)
    assert "spoilt.db" in done.err and "post" in done.err
    assert litekeep.backups("whole") and litekeep.backups("small")
    assert not litekeep.backups("spoilt"), "complete or absent"
    assert snapshot_bytes(small.parent / "spoilt.db") == before
    assert litekeep.leftovers() == []


@pytest.mark.sanitized
@pytest.mark.parametrize("size", [1, 15, 16, 50, 99, 100, 512, 4095, 4096, 5000, 8192, 12288])
def test_a_database_that_was_cut_short_is_reported(litekeep, tmp_path, size):
    whole = tmp_path / "whole.db"
    make_small(whole, rows=5000)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "cut.db").write_bytes(whole.read_bytes()[:size])
    done = litekeep.backup(folder, expect=3)
    assert "cut.db" in done.err
    assert not litekeep.backups("cut")


@pytest.mark.sanitized
def test_flipped_bits_in_a_source_never_crash_a_backup(litekeep, tmp_path):
    """Whatever is wrong in the file: done, or exit 3 with the database named."""
    import random
    whole = tmp_path / "whole.db"
    make_small(whole, rows=500)
    data = whole.read_bytes()
    rng = random.Random(7)
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(40):
        spoilt = bytearray(data)
        for _ in range(rng.choice([1, 3, 30])):
            spoilt[rng.randrange(16, len(spoilt) if number % 2 else 200)] ^= 1 << rng.randrange(8)
        (folder / f"bits{number:02d}.db").write_bytes(spoilt)
    done = litekeep.backup(folder, expect=(0, 3))
    backed_up = [n for n in range(40) if litekeep.backups(f"bits{n:02d}")]
    for number in set(range(40)) - set(backed_up):
        assert f"bits{number:02d}.db" in done.err


def test_a_hostile_schema_runs_no_function_and_opens_no_file(litekeep, tmp_path):
    """Triggers, views, generated columns and CHECKs of a database that someone else made."""
    path = tmp_path / "hostile.db"
    db = awkward.connect(path)
    db.execute("CREATE TABLE t (a, b AS (hex(a)) VIRTUAL, c AS (upper(a)) STORED, CHECK (length(a) > 0))")
    db.execute("INSERT INTO t (a) VALUES ('x')")
    db.execute("CREATE TABLE log (v)")
    db.execute("CREATE INDEX by_length ON t (length(a))")
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_schema SET sql = replace(replace(sql, 'hex(a)', 'writefile(a)'), 'length(a)', 'load_extension(a)')")
    db.execute("INSERT INTO sqlite_schema VALUES ('view', 'v', 'v', 0, 'CREATE VIEW v AS SELECT writefile(''pwned'', ''x''), load_extension(''x'')')")
    db.execute("INSERT INTO sqlite_schema VALUES ('trigger', 'tr', 't', 0, 'CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT load_extension(1); END')")
    db.close()
    done = litekeep.backup(path, expect=(0, 3), cwd=tmp_path)
    assert not (tmp_path / "pwned").exists()
    if litekeep.databases() and litekeep.backups("hostile"):
        read = oracle.read_json(litekeep.latest(), oracle.Backup(litekeep.latest()).tables["t"])
        assert read.values == [[("text", b"x")], [("text", b"X")]]
    else:
        # SQLite refuses the schema itself: no row can be read, and nobody may believe that there is a backup.
        assert done.status == 3 and "hostile.db" in done.err


def test_the_program_keeps_no_lock_and_no_shm_behind(litekeep, small):
    db = writer(small, wal=True)
    db.execute("INSERT INTO post (text) VALUES ('x')")
    litekeep.backup(small)
    assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    db.execute("PRAGMA journal_mode = DELETE")
    db.execute("VACUUM")
    db.close()
    assert os.listdir(small.parent) == ["small.db"]
