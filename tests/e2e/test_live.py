"""Backups of a database that is written without pause: each holds one committed state, and the writer is never kept waiting too long."""
import os
import sqlite3
import subprocess
import sys
import time

import pytest

import oracle
from conftest import wait_for

BACKUPS = int(os.environ.get("LITEKEEP_TEST_LIVE", "200"))
MAX_LOCK = 3.0

# Moves amounts between two tables, so that each committed state has the same total, and says how long its longest commit took.
# `pad` keeps every page in motion; deletes and inserts keep the number of rows and the rowids changing together.
WRITER = """
import random, sqlite3, sys, time
path, mode, ready, stop = sys.argv[1:]
import os
db = sqlite3.connect(path, isolation_level=None, timeout=60)
db.execute("PRAGMA synchronous = OFF")
rng = random.Random(1)
longest = commits = 0
open(ready, "w").close()
while not os.path.exists(stop):
    begun = time.monotonic()
    db.execute("BEGIN IMMEDIATE")
    amount, a, b = rng.randrange(1000), rng.randrange(1, 2001), rng.randrange(1, 2001)
    db.execute("UPDATE debit SET amount = amount - ?, pad = ? WHERE id = ?", (amount, str(commits) * rng.randrange(40), a))
    db.execute("UPDATE credit SET amount = amount + ?, pad = ? WHERE id = ?", (amount, str(commits) * rng.randrange(40), b))
    db.execute("INSERT INTO log (n) VALUES (?)", (commits,))
    db.execute("DELETE FROM log WHERE id <= (SELECT max(id) FROM log) - 50")
    db.execute("UPDATE total SET commits = commits + 1, last = (SELECT max(n) FROM log)")
    db.execute("COMMIT")
    commits += 1
    longest = max(longest, time.monotonic() - begun)
    if commits % 97 == 0 and mode == "wal":
        db.execute("PRAGMA wal_checkpoint(" + rng.choice(["PASSIVE", "RESTART", "TRUNCATE"]) + ")")
    if commits % 1999 == 0:
        db.execute("VACUUM")
print(commits, longest)
"""


def make(path, mode):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA journal_mode = {'WAL' if mode == 'wal' else 'DELETE'}")
    db.execute("BEGIN")
    for table in ("debit", "credit"):
        db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, amount INTEGER, pad TEXT)")
        db.executemany(f"INSERT INTO {table} VALUES (?, 0, ?)", [(i, "x" * (i % 100)) for i in range(1, 2001)])
    db.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, n INTEGER)")
    db.execute("CREATE TABLE total (commits INTEGER, last INTEGER)")
    db.execute("INSERT INTO total VALUES (0, NULL)")
    db.execute("COMMIT")
    db.close()


def numbers(backup, table, column, read):
    entry = backup.tables[table]
    index = [c["name"] for c in entry["columns"]["columns"]].index(column)
    return [value[1] for value in read(backup.folder, entry).values[index] if value is not None]


def check_one_state(folder):
    backup = oracle.Backup(folder)
    commits = set()
    for read in (oracle.read_parquet, oracle.read_json):
        assert sum(numbers(backup, "debit", "amount", read)) + sum(numbers(backup, "credit", "amount", read)) == 0, "money was lost between two tables"
        (count,) = numbers(backup, "total", "commits", read)
        log = numbers(backup, "log", "n", read)
        assert log == list(range(max(0, count - 50), count)), "the log is another state's"
        assert numbers(backup, "total", "last", read) == ([count - 1] if count else [])
        commits.add(count)
    assert len(commits) == 1, "Parquet and JSON hold different states"
    return commits.pop()


@pytest.mark.alone
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", ["wal", "rollback"])
def test_every_backup_of_a_busy_database_is_one_committed_state(litekeep, tmp_path, mode, capsys):
    path = tmp_path / "live.db"
    make(path, mode)
    ready, stop = tmp_path / "ready", tmp_path / "stop"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path, mode, ready, stop], stdout=subprocess.PIPE, text=True)
    states, busy = [], 0
    try:
        wait_for(ready.exists)
        for _ in range(BACKUPS):
            done = litekeep.backup(path, expect=(0, 3))
            if done.status == 3:
                assert "busy" in done.err or "locked" in done.err, repr(done)
                busy += 1
                continue
            states.append(check_one_state(litekeep.latest()))
        assert writer.poll() is None, "the writer was made to fail"
    finally:
        stop.touch()
        out, _ = writer.communicate(timeout=90)
    commits, longest = out.split()
    with capsys.disabled():
        print(f"\nnote: {mode}: {len(states)} backups and {busy} refused while {commits} transactions were committed;"
              f" the writer's longest wait was {float(longest) * 1000:.0f} ms")
    assert states == sorted(states), "a later backup holds an earlier state"
    assert len(set(states)) > len(states) // 2, "the writer did not write"
    assert len(states) >= BACKUPS * 0.9, f"{busy} of {BACKUPS} backups were refused"
    assert float(longest) <= MAX_LOCK
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.alone
@pytest.mark.timeout(300)
@pytest.mark.parametrize("codec", ["zstd:1", "zstd:15"], ids=["fast", "slow"])
@pytest.mark.parametrize("mode", ["wal", "rollback"])
def test_a_writer_of_a_big_database_waits_no_longer_than_allowed(litekeep, yardstick, tmp_path, mode, codec, capsys):
    """With --max-lock 500ms the source is cloned or copied, or the run says busy; Python's default writer never fails. With slow encoders
    the scanner waits for them, but never with the lock held."""
    import shutil
    path = tmp_path / "posts.db"
    shutil.copyfile(yardstick, path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA journal_mode = {'WAL' if mode == 'wal' else 'DELETE'}")
    db.execute("PRAGMA synchronous = OFF")
    waits = []
    process = litekeep.start("backup", "--init", "--max-lock", "500ms", "--jobs", "1", "--parquet-codec", codec, "--format", "parquet", path)
    while process.poll() is None:
        begun = time.monotonic()
        db.execute("UPDATE subscriptionstate SET cursor = cursor + 1")
        waits.append(time.monotonic() - begun)
        time.sleep(0.002)
    done = litekeep.finish(process)
    assert done.status in (0, 3), repr(done)
    with capsys.disabled():
        print(f"\nnote: {mode}, {codec}, --max-lock 500ms: longest wait of {len(waits)} commits {max(waits) * 1000:.0f} ms, exit {done.status}")
    assert max(waits) < 1.0
