"""A table with huge values comes back from each format, and no command takes more memory than it may.

LITEKEEP_TEST_BIG_MB says how large the table is; a fifth of that is its largest value.
"""
import gc
import hashlib
import os
import random
import shutil
import sqlite3

import pytest

import foreign
from conftest import lacking

MIB = 1 << 20
TOTAL = int(os.environ.get("LITEKEEP_TEST_BIG_MB", "1024")) * MIB
FORMATS = ("parquet", "json", "sqlite")

pytestmark = [pytest.mark.alone, pytest.mark.timeout(600)]


def sizes_mixed():
    """One huge value, some large ones, many of a megabyte, and rows that are small."""
    sizes = [TOTAL * share // 1024 for share in (200, 64, 64, 48, 32, 16, 16)]
    sizes += [MIB] * ((TOTAL - sum(sizes)) * 9 // 10 // MIB)
    sizes += [100_000] * ((TOTAL - sum(sizes)) // 100_000)
    random.Random(7).shuffle(sizes)
    return sizes


def sizes_alike():
    """Nothing but huge values: whatever is done ahead of them or beside them holds another one."""
    return [TOTAL // 10] * 5


def values(sizes):
    """Blobs that hardly compress, and texts that do."""
    source = random.Random(11)
    noise = source.randbytes(4 * MIB)
    words = "".join(source.choice(("größe ", "data ", '"q" ', "line\n", "0123 ", "\\ ")) for _ in range(300_000))
    for number, size in enumerate(sizes, 1):
        if number % 2:
            start = source.randrange(MIB)
            value = (noise[start:] * (size // (3 * MIB) + 1))[:size - 8] + number.to_bytes(8, "little")
        else:
            value = (words * (size // len(words) + 1))[:size]
        yield number, "blob" if number % 2 else "text", value


def make(path, sizes):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    db.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, kind TEXT, body)")
    db.execute("BEGIN")
    for row in values(sizes):
        db.execute("INSERT INTO big VALUES (?,?,?)", row)
    db.execute("COMMIT")
    db.close()


def rows_of(path):
    """Of each row the id, the storage class, the length and the hash of the value; one value in memory at a time."""
    db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    db.text_factory = bytes
    found = []
    for key, kind, storage, body in db.execute("SELECT id, kind, typeof(body), body FROM big ORDER BY id"):
        found.append((key, kind, storage, len(body), hashlib.blake2b(body).digest()))
    db.close()
    return found


@pytest.mark.parametrize("sizes", [sizes_mixed, sizes_alike])
def test_huge_values_come_back_from_each_format_in_little_memory(litekeep, tmp_path, sizes, capsys):
    sizes = sizes()
    if shutil.disk_usage(tmp_path).free < 6 * sum(sizes):
        lacking(f"{6 * sum(sizes) >> 30} GiB of free space in {tmp_path}")
    bound = 256 * MIB + 3 * max(sizes)
    source, target = tmp_path / "big.db", tmp_path / "restored.db"
    peaks = {}

    def run(name, *args):
        done, peaks[name] = foreign.measured(tmp_path, litekeep, *args)
        gc.collect()
        return done

    try:
        make(source, sizes)
        expected = rows_of(source)
        assert len(expected) == len(sizes) and [row[3] for row in expected if row[2] == b"blob"] == sizes[::2]
        run("backup", "backup", "--init", "--format", ",".join(FORMATS), source)
        source.unlink()
        for kind in FORMATS:
            run(f"restore from {kind}", "restore", "big", "--to", target, "--from", kind, "--jobs", 4)
            assert rows_of(target) == expected, kind
            target.unlink()
        run("verify", "verify", "big", "--jobs", 4)
        done = run("query", "query", "big", "SELECT count(*), sum(length(CAST(body AS BLOB))) FROM big", "--format", "csv")
        assert done.out.split()[-1] == f"{len(sizes)},{sum(row[3] for row in expected)}"
        with capsys.disabled():
            print(f"\nnote: at most {bound >> 20} MiB: " + ", ".join(f"{name} {peak >> 20}" for name, peak in peaks.items()))
        peaks.pop("backup")
        too_much = {name: f"{peak >> 20} MiB" for name, peak in peaks.items() if peak > bound}
        assert not too_much, f"more than {bound >> 20} MiB: {too_much}"
    finally:
        for path in (source, target):
            path.unlink(missing_ok=True)
        shutil.rmtree(litekeep.store, ignore_errors=True)
