"""What must hold after any fault, and a scene to make faults in.

The scene: a folder with three databases, a store with two backups of each, and changes since. A faulty run may fail, but then
  - no source byte has changed, and every earlier backup is whole;
  - each database has no new backup, or a whole one that holds the same database;
  - exit code 0 means that every database has a new backup; otherwise something was said;
  - the next run, without the fault, succeeds and removes what was left over.
"""
import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess

import oracle
from conftest import Litekeep, make_small, snapshot_bytes, tool

NAMES = ("first", "second", "third")


def make_scene(folder):
    """Made once; the store is copied afresh for each fault."""
    sources = folder / "sources"
    sources.mkdir(parents=True)
    keeper = Litekeep(folder)
    for number, name in enumerate(NAMES):
        make_small(sources / f"{name}.db", rows=500 + 1500 * number, wal=name == "second")
        db = sqlite3.connect(sources / f"{name}.db")
        db.execute("CREATE TABLE still (id INTEGER PRIMARY KEY, v)")
        db.executemany("INSERT INTO still VALUES (NULL, ?)", [[i] for i in range(1000)])
        db.commit()
        db.close()
    keeper.backup(sources)
    keeper.backup(sources)
    for name in NAMES:
        db = sqlite3.connect(sources / f"{name}.db")
        db.execute("UPDATE post SET text = text || ' changed', likes = 5 WHERE id % 3 = 0")
        db.commit()
        db.close()
    (folder / "store").rename(folder / "template")


class Scene:
    def __init__(self, folder):
        self.keeper = Litekeep(folder)
        # The static program, where there is one: its first calls are its own, and not those of the dynamic loader.
        self.keeper.program = pathlib.Path(os.environ.get("LITEKEEP_STATIC", self.keeper.program))
        self.keeper.timeout = 90
        self.sources = folder / "sources"
        self.template = folder / "template"
        self.before = {name: snapshot_bytes(self.sources / f"{name}.db") for name in NAMES}
        self.reset()
        self.earlier = {name: {p.name for p in self.keeper.backups(name)} for name in NAMES}

    def reset(self):
        shutil.rmtree(self.keeper.store, ignore_errors=True)
        subprocess.run(["cp", "-a", self.template, self.keeper.store], check=True)

    def run(self, *before, expect=None, options=(), env=None):
        return self.keeper("backup", *options, self.sources, before=before, expect=expect, env=env)

    def new(self, name):
        return [p for p in self.keeper.backups(name) if p.name not in self.earlier[name]]

    def check(self, done, mute=False):
        """After a faulty run. `done` None: it was killed. `mute`: the fault keeps it from saying anything too."""
        lost = []
        for name in NAMES:
            assert snapshot_bytes(self.sources / f"{name}.db") == self.before[name], f"{name}: the source was changed"
            present = {p.name for p in self.keeper.backups(name)}
            assert self.earlier[name] <= present, f"{name}: an earlier backup is gone"
            for folder in self.keeper.backups(name):
                if folder.name in self.earlier[name]:
                    oracle.check_files(oracle.Backup(folder))
                else:
                    oracle.same(self.sources / f"{name}.db", folder)
            if not self.new(name):
                lost.append(name)
        if done is not None and lost:
            assert done.status not in (0, None), f"exit 0, but {lost} have no new backup\n{done!r}"
            for name in () if mute else lost:
                # What stops the whole run names the store, or the config.
                assert name in done.err or "store" in done.err or "cannot read the config" in done.err, f"{name} has no new backup and is not named\n{done!r}"
        if done is not None and done.status not in (0, 130) and not mute:
            assert done.err.strip(), repr(done)

    def recover(self):
        done = self.run()
        assert done.status == 0, f"the run after the fault:\n{done!r}"
        for name in NAMES:
            assert self.new(name)
            oracle.same(self.sources / f"{name}.db", self.keeper.backups(name)[-1])
        assert self.keeper.leftovers() == []


def strace(*inject):
    """A prefix that runs the program with faults injected."""
    names = ",".join(sorted({name for rule in inject for name in rule.split(":")[0].split(",")}))
    arguments = [tool("strace"), "-f", "-qq", "-o", "/dev/null", "-e", f"trace={names}"]
    for rule in inject:
        arguments += ["-e", f"inject={rule}"]
    return arguments


def count_calls(scene, names, trace_file):
    """How often the busiest thread makes these calls in a good run: strace counts for each thread by itself."""
    scene.reset()
    scene.run(tool("strace"), "-f", "-qq", "-o", trace_file, "-e", f"trace={names}", expect=0)
    threads = {}
    for line in trace_file.read_text(errors="replace").splitlines():
        match = re.match(r"^(\d+) +(\w+)\(", line)
        if match:
            threads[match[1]] = threads.get(match[1], 0) + 1
    return max(threads.values(), default=0)


def sample(count, most, seed=1):
    """Which calls to fail: the first few, the last few, and some between."""
    some = {1, 2, 3, count, count - 1, count - 2, count - 5}
    rng = random.Random(seed)
    while len(some) < min(most, count):
        some.add(rng.randint(1, max(count, 1)))
    return sorted(n for n in some if 1 <= n <= count)[:most]
