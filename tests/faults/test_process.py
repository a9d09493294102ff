"""Short writes, random kills, and a power cut."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pytest

import oracle
from conftest import Litekeep, WRAPPER, make_small, tool
from invariant import NAMES, Scene, make_scene

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope="module")
def scene_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene")
    make_scene(folder)
    return folder


@pytest.fixture
def scene(scene_folder):
    return Scene(scene_folder)


def test_short_and_interrupted_writes_lose_nothing(litekeep, yardstick, tmp_path):
    library = tmp_path / "short_writes.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "short_writes.c", "-ldl"], check=True)
    own = tmp_path / "posts.db"
    shutil.copyfile(yardstick, own)
    litekeep.backup("--format", "parquet,json,sqlite", own, env={"LD_PRELOAD": str(library)})
    oracle.same(own, litekeep.latest())


@pytest.mark.timeout(600)
def test_runs_killed_at_any_moment_lose_nothing(scene):
    rng = random.Random(3)
    scene.run(expect=0)
    started = time.monotonic()
    scene.reset()
    scene.run(expect=0)
    whole = time.monotonic() - started
    scene.reset()
    for _ in range(25):
        process = scene.keeper.start("backup", scene.sources)
        time.sleep(rng.random() * whole * 1.1)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        scene.check(None)
    scene.recover()


def test_two_runs_and_kills_among_them(scene):
    for _ in range(10):
        processes = [scene.keeper.start("backup", scene.sources) for _ in range(3)]
        time.sleep(0.03)
        processes[0].kill()
        for process in processes:
            process.communicate(timeout=60)
        assert {p.returncode for p in processes} <= {0, 11, -9}, [p.returncode for p in processes]
        scene.check(None)
    scene.recover()


@pytest.mark.root
@pytest.mark.timeout(600)
def test_a_power_cut_leaves_backups_complete_or_absent(mounts, tmp_path):
    """The store is on ext4 that commits by itself only every 300 s: what survives was made durable by fsync.

    The run is frozen at some moment, the disk's image is copied as it is, and the copy is mounted as after a power cut."""
    sources = tmp_path / "sources"
    sources.mkdir()
    for number in range(6):
        make_small(sources / f"d{number}.db", rows=2000)
    image = mounts.image("disk", 96 << 20, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0")
    disk = mounts.mount("disk", "-o", "loop,commit=300", image)
    keeper = Litekeep(tmp_path)
    keeper.store = disk / "store"
    keeper.backup(sources)
    subprocess.run(["sync", "-f", disk], check=True)

    def survivors(number):
        copy = tmp_path / f"cut{number}.img"
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        after = mounts.mount(f"after{number}", "-o", "loop", copy)
        found = {name: keeper.backups(name, after / "store") for name in keeper.databases(after / "store")}
        for name, folders in found.items():
            for folder in folders:
                oracle.same(sources / f"{name}.db", folder)
        counts = {name: len(folders) for name, folders in found.items()}
        subprocess.run(["umount", after], check=True)
        copy.unlink()
        return counts

    rng = random.Random(5)
    for number in range(8):
        process = keeper.start("backup", sources)
        time.sleep(rng.random() * 0.25)
        process.send_signal(signal.SIGSTOP)
        frozen = {f"d{n}": len(keeper.backups(f"d{n}")) for n in range(6)}
        survived = survivors(number)
        process.send_signal(signal.SIGCONT)
        done = keeper.finish(process)
        assert done.status == 0, repr(done)
        # A rename that was seen but not yet synced may be lost: one backup at most, of the one being finished.
        lost = sum(frozen[name] - survived[name] for name in frozen)
        assert lost in (0, 1), (frozen, survived)
    done = keeper.backup(sources)
    seen = {f"d{n}": len(keeper.backups(f"d{n}")) for n in range(6)}
    assert survivors(99) == seen, "exit 0 was said before the backups were durable"
