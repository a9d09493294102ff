"""Restoring over a database, killed or hindered at any step: afterwards the target is the old database or the new one, whole."""
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from conftest import Litekeep, make_small
from invariant import count_calls, sample, strace
from same import Different, same, sound
from test_inject import MOST, RENAMES, SYNCS, WRITES

KILLS = [RENAMES, SYNCS, WRITES, "unlink,unlinkat", "flock,fcntl", "close", "fchmod,fchown"]


class Scene:
    """A store with a backup of new.db, and a database old.db to restore it over."""

    def __init__(self, folder, wal, place=None):
        self.keeper = Litekeep(folder)
        self.keeper.program = pathlib.Path(os.environ.get("LITEKEEP_STATIC", self.keeper.program))
        self.keeper.timeout = 90
        self.new = folder / "new.db"
        self.template, self.pristine = folder / "template", folder / "pristine"
        self.place, self.seen = place or folder / "place", folder / "seen"
        self.target = self.place / "old.db"
        self.into = False
        self.pristine.mkdir()
        make_small(self.new, rows=3000, wal=wal)
        self.keeper.backup(self.new)
        self.keeper.store.rename(self.template)
        make_old(self.pristine / "old.db", wal)
        self.reset()

    def reset(self):
        for copy, original in ((self.keeper.store, self.template), (self.place, self.pristine)):
            shutil.rmtree(copy, ignore_errors=True)
            subprocess.run(["cp", "-a", original, copy], check=True)

    def run(self, *before, expect=None):
        how = ["--into", self.target, "--table", "post"] if self.into else ["--to", self.target]
        return self.keeper("restore", "new", *how, "--force", before=before, expect=expect)

    def recovered(self):
        """A copy of what lies there, after SQLite has had its way with it."""
        path = self.copy()
        db = sqlite3.connect(path)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.close()
        return path

    def is_new(self, place=None):
        """Old or new, whole: which?"""
        db = sqlite3.connect(self.copy(place))
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.close()
        try:
            same(self.new, self.copy(place))
            return True
        except Different:
            same(self.pristine / "old.db", self.copy(place))
            return False

    def copy(self, place=None):
        """What lies there now, as the next program would find it."""
        shutil.rmtree(self.seen, ignore_errors=True)
        self.seen.mkdir()
        for suffix in ("", "-wal", "-journal"):
            original = (place or self.place) / f"old.db{suffix}"
            if original.exists():
                shutil.copyfile(original, self.seen / original.name)
        return self.seen / "old.db"

    def recover(self):
        self.run(expect=0)
        assert self.is_new()
        sound(self.target)
        assert sorted(p.name for p in self.place.iterdir()) == ["old.db"]
        self.keeper.backup(self.target)
        assert self.keeper.leftovers() == []


def make_old(path, wal):
    """With `wal` its latest rows are in the -wal alone: the program that wrote them was killed."""
    make_small(path, rows=500, wal=wal)
    code = f"import os, sqlite3; db = sqlite3.connect({str(path)!r}, isolation_level=None); " \
           "db.execute(\"UPDATE post SET text = 'the old one' WHERE id % 2\"); os._exit(0)"
    subprocess.run(["python3", "-c", code], check=True)
    assert os.path.exists(f"{path}-wal") == wal


@pytest.fixture(scope="module", params=[False, True], ids=["rollback", "wal"])
def made(request, tmp_path_factory):
    return Scene(tmp_path_factory.mktemp("restore"), request.param)


@pytest.fixture
def scene(made):
    made.reset()
    yield made
    made.into = False


@pytest.mark.parametrize("calls", KILLS, ids=lambda value: value.split(",")[0])
@pytest.mark.timeout(600)
def test_a_kill_at_any_step_leaves_the_old_database_or_the_new_one(scene, tmp_path, calls):
    count = count_calls(scene, calls, tmp_path / "trace")
    assert scene.is_new()
    for number in sample(count, MOST):
        scene.reset()
        scene.run(*strace(f"{calls}:signal=KILL:when={number}"))
        try:
            scene.is_new()
            scene.recover()
        except AssertionError as failure:
            raise AssertionError(f"killed at call {number} of {calls}: {failure}") from None


@pytest.mark.parametrize("calls", [WRITES, SYNCS, "unlink,unlinkat,ftruncate"], ids=lambda value: value.split(",")[0])
@pytest.mark.timeout(600)
def test_a_kill_while_a_table_is_replaced_leaves_the_old_table_or_the_new_one(scene, tmp_path, calls):
    scene.into = True
    for number in sample(count_calls(scene, calls, tmp_path / "trace"), MOST):
        scene.reset()
        scene.run(*strace(f"{calls}:signal=KILL:when={number}"))
        found = scene.recovered()
        same(scene.pristine / "old.db", found, tables=["kind"], schema=False)
        try:
            same(scene.new, found, tables=["post"], schema=False)
        except Different:
            same(scene.pristine / "old.db", found)
        scene.run(expect=0)
        same(scene.new, scene.recovered(), tables=["post"], schema=False)


@pytest.mark.timeout(600)
def test_restores_killed_at_any_moment_leave_the_old_database_or_the_new_one(scene):
    rng = random.Random(5)
    started = time.monotonic()
    scene.run(expect=0)
    whole = time.monotonic() - started
    for _ in range(15):
        scene.reset()
        process = scene.keeper.start("restore", "new", "--to", scene.target, "--force")
        time.sleep(rng.random() * whole * 1.1)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        scene.is_new()
    scene.recover()


@pytest.mark.parametrize("calls, error", [(WRITES, "ENOSPC"), (WRITES, "EIO"), (SYNCS, "EIO"), (RENAMES, "EIO"), ("unlink,unlinkat", "EIO"), ("fcntl", "ENOLCK"),
                                          ("openat", "EMFILE"), ("mkdir,mkdirat", "ENOSPC"), ("fchown", "EPERM"), ("fchmod", "EPERM")],
                         ids=lambda value: value.split(",")[0])
@pytest.mark.timeout(600)
def test_a_failing_call_leaves_the_old_database_or_the_new_one(scene, tmp_path, calls, error):
    count = count_calls(scene, calls, tmp_path / "trace")
    for number in sample(count, MOST):
        scene.reset()
        done = scene.run(*strace(f"{calls}:error={error}:when={number}"))
        try:
            assert scene.is_new() or done.status != 0, "exit 0, and the old one is there"
            scene.recover()
        except AssertionError as failure:
            raise AssertionError(f"{error} at call {number} of {calls}: {failure}\n{done!r}") from None


@pytest.mark.root
@pytest.mark.timeout(600)
@pytest.mark.parametrize("wal", [False, True], ids=["rollback", "wal"])
def test_a_power_cut_at_any_step_leaves_the_old_database_or_the_new_one(mounts, tmp_path, wal):
    """On ext4 that commits by itself only every 300 s: what survives was made durable by fsync.

    The run is killed at some step, and the disk's image is copied as it is then."""
    image = mounts.image("disk", 64 << 20, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0")
    disk = mounts.mount("disk", "-o", "loop,commit=300", image)
    scene = Scene(tmp_path, wal, disk / "place")

    def survivor(*before):
        scene.reset()
        subprocess.run(["sync", "-f", disk], check=True)
        scene.run(*before, expect=None if before else 0)
        copy = tmp_path / "cut.img"
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        after = mounts.mount("after", "-o", "loop", copy)
        new = scene.is_new(after / "place")
        subprocess.run(["umount", after], check=True)
        copy.unlink()
        return new

    for calls in (SYNCS, RENAMES, "unlink,unlinkat"):
        for number in sample(count_calls(scene, calls, tmp_path / "trace"), MOST):
            try:
                survivor(*strace(f"{calls}:signal=KILL:when={number}"))
            except (AssertionError, sqlite3.Error) as failure:
                raise AssertionError(f"power cut at call {number} of {calls}: {failure}") from None
    assert survivor(), "exit 0 was said before the new database was durable"
