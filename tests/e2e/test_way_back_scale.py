"""Databases that are large in another way than by their rows come back: thousands of columns, tables, indexes, and long names."""
import random
import resource
import sqlite3

import pytest

from same import same, sound


def begin(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    db.execute("BEGIN")
    return db


def end(db):
    db.execute("COMMIT")
    db.close()


def comes_back(litekeep, path, formats=("parquet", "json", "sqlite"), check=True):
    target = litekeep.home / "restored.db"
    litekeep.backup("--format", ",".join(formats), path)
    for kind in formats:
        litekeep("restore", path.stem, "--to", target, "--from", kind)
        same(path, target)
        if check:
            sound(target)
        target.unlink()


def cpu(run):
    """Seconds of processor time that children take: what others do at the same time does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.sanitized
def test_two_thousand_columns_come_back_and_are_queried(litekeep, tmp_path):
    path = tmp_path / "wide.db"
    db = begin(path)
    types = ("INTEGER", "TEXT", "REAL", "BLOB", "ANY", "NUMERIC")
    columns = [f"c{number} {types[number % len(types)]}" for number in range(2000)]
    db.execute(f"CREATE TABLE wide ({', '.join(columns)})")
    choose = random.Random(1)
    for row in range(20):
        # SQLite's limit is a thousand values in a statement.
        first = [choose.choice((None, n * row, 1.5 * n, f"t{n}", b"b%d" % n)) for n in range(999)]
        key = db.execute(f"INSERT INTO wide ({', '.join(f'c{n}' for n in range(999))}) VALUES ({', '.join('?' * 999)})", first).lastrowid
        db.execute(f"UPDATE wide SET {', '.join(f'c{n} = {n} + rowid' for n in range(1500, 2000))} WHERE rowid = ?", (key,))
    db.execute("CREATE INDEX some ON wide (c7, c1999, c1000)")
    end(db)
    comes_back(litekeep, path)
    done = litekeep("query", "wide", "SELECT sum(c1999), count(*) FROM wide WHERE c1998 > 0", "--format", "csv")
    assert done.out.splitlines()[-1] == f"{sum(1999 + rowid for rowid in range(1, 21))},20"


def many_tables(path, tables):
    db = begin(path)
    for n in range(tables):
        db.execute(f"CREATE TABLE t{n} (id INTEGER PRIMARY KEY{' AUTOINCREMENT' if n % 2 else ''}, a TEXT UNIQUE, b REFERENCES t{n // 2})")
        db.execute(f"INSERT INTO t{n} (a, b) VALUES ('x{n}', {n})")
        if n % 10 == 0:
            db.execute(f"CREATE VIEW v{n} AS SELECT * FROM t{n}")
            db.execute(f"CREATE TRIGGER g{n} AFTER INSERT ON t{n} BEGIN SELECT 1; END")
    end(db)


def test_the_time_of_a_restore_grows_with_the_tables_and_no_faster(litekeep, tmp_path):
    few, many = tmp_path / "few.db", tmp_path / "many.db"
    many_tables(few, 1000)
    many_tables(many, 3000)
    litekeep.backup("--format", "parquet,json", few, many)
    taken = {}
    for path in (few, many):
        target = tmp_path / f"{path.stem}-restored.db"
        taken[path] = cpu(lambda: litekeep("restore", path.stem, "--to", target))
        same(path, target)
    # Three times as much; nine times where something is done for each pair of tables.
    assert taken[many] < 6 * taken[few] + 0.5, taken


def test_thousands_of_indexes_views_and_triggers_come_back(litekeep, tmp_path):
    path = tmp_path / "schema.db"
    db = begin(path)
    db.execute("CREATE TABLE t (a, b, c)")
    db.executemany("INSERT INTO t VALUES (?,?,?)", [(n, n % 7, str(n)) for n in range(50)])
    for n in range(5000):
        db.execute(f"CREATE INDEX x{n} ON t (a, b DESC, a + {n})" if n % 2 else f"CREATE INDEX x{n} ON t (c COLLATE NOCASE) WHERE b > {n % 9}")
    for n in range(500):
        db.execute(f"CREATE VIEW v{n} AS SELECT a, {n} FROM t")
        db.execute(f"CREATE TRIGGER g{n} AFTER INSERT ON t BEGIN SELECT {n}; END")
    end(db)
    comes_back(litekeep, path, ("parquet", "json"))


@pytest.mark.sanitized
def test_very_long_names_come_back_and_are_restored_by_themselves(litekeep, tmp_path):
    path = tmp_path / "names.db"
    db = begin(path)
    names = []
    for length in (1, 99, 100, 101, 255, 256, 1000, 5000):
        for name in ("n" * length, ("ü\n'\"%/" * length)[:length], "N" * (length - 1) + "é"):
            quoted = name.replace('"', '""')
            db.execute(f'CREATE TABLE "{quoted}" ("{quoted}" TEXT, "é{quoted}" INT)')
            db.execute(f'CREATE INDEX "i{quoted}" ON "{quoted}" ("{quoted}")')
            db.execute(f'INSERT INTO "{quoted}" VALUES (?, ?)', (name, length))
            names.append(name)
    end(db)
    comes_back(litekeep, path)
    for name in names[-6:]:
        target = tmp_path / "one.db"
        litekeep("restore", "names", "--to", target, "--table", name)
        same(path, target, tables=[name], schema=False)
        target.unlink()
