"""Random databases come back from each format: the same database, as same.py decides.

LITEKEEP_TEST_RANDOM says how many; LITEKEEP_TEST_SEED where their seeds begin. A failure names its seed: random_database.make(path, seed).
"""
import concurrent.futures
import os
import pathlib

import pytest

import random_database
from same import same, sound

NUMBER = int(os.environ.get("LITEKEEP_TEST_RANDOM", "300"))
SEED = int(os.environ.get("LITEKEEP_TEST_SEED", "1"))
FORMATS = ("parquet", "json", "sqlite")
TOGETHER = 200  # databases in one backup
THREADS = max(2, min(8, len(os.sched_getaffinity(0))))


def value_checks_only(error):
    """integrity_check also reports values that a schema forbids; the source had them."""
    return " value in " in str(error) or "CHECK constraint" in str(error)


def come_back(litekeep, folder, name, seed):
    source = folder / f"{name}.db"
    found = []
    for number, kind in enumerate(FORMATS):
        target = litekeep.home / "restored" / f"{name}.{kind}.db"
        try:
            litekeep("restore", name, "--to", target, "--from", kind, *(["--check", "full"] if seed % 10 == number else []))
            same(source, target)
            if seed % 10 == number + 5:
                sound(target)
        except (AssertionError, pytest.fail.Exception) as error:
            if not value_checks_only(error):
                found.append(f"seed {seed} from {kind}: {error}")
        for path in target.parent.glob(f"{target.name}*"):
            path.unlink()
    return found


def round_trip(litekeep, folder, seeds):
    folder.mkdir()
    (litekeep.home / "restored").mkdir(exist_ok=True)
    names = {f"r{seed}": seed for seed in seeds}
    for name, seed in names.items():
        random_database.make(folder / f"{name}.db", seed)
    done = litekeep.backup("--format", ",".join(FORMATS), folder)
    assert "cannot be rebuilt" not in done.err
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        results = pool.map(lambda item: come_back(litekeep, folder, *item), names.items())
        problems = [problem for found in results for problem in found]
    assert not problems, f"{len(problems)} did not come back:\n" + "\n".join(problems[:10])


@pytest.mark.parametrize("first", range(SEED, SEED + NUMBER, TOGETHER))
def test_random_databases_come_back_from_each_format(litekeep, tmp_path, first):
    round_trip(litekeep, tmp_path / "data", range(first, min(first + TOGETHER, SEED + NUMBER)))


@pytest.mark.sanitized
def test_a_few_random_databases_come_back(litekeep, tmp_path):
    round_trip(litekeep, tmp_path / "data", range(1_000_001, 1_000_009))


def test_a_seed_makes_the_same_database_again(tmp_path):
    for seed in range(20):
        for name in ("a", "b"):
            random_database.make(tmp_path / f"{name}{seed}.db", seed)
        same(pathlib.Path(tmp_path / f"a{seed}.db"), tmp_path / f"b{seed}.db")
