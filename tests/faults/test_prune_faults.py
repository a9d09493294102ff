"""Faults while backups are removed: what is listed is whole, what is not is gone, and the next run clears up."""
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

from conftest import Litekeep, make_small, tool
from invariant import sample, strace

MOST = int(os.environ.get("LITEKEEP_TEST_FAULTS", "5"))
PRUNE = ("prune", "--keep-last", "2", "--json")


class Pruned:
    """Six backups that share files, of which a policy keeps two; the store is copied afresh for each fault."""

    def __init__(self, folder):
        self.keeper = Litekeep(folder)
        self.source = folder / "small.db"
        make_small(self.source)
        for number in range(6):
            if number % 2 == 0:
                db = sqlite3.connect(self.source)
                db.execute("UPDATE post SET text = ? WHERE id % 3 = 0", [f"changed {number}"])
                db.commit()
                db.close()
            self.keeper.backup(self.source)
        self.names = [p.name for p in self.keeper.backups("small")]
        self.template = folder / "template"
        self.keeper.store.rename(self.template)
        self.reset()

    def reset(self):
        shutil.rmtree(self.keeper.store, ignore_errors=True)
        subprocess.run(["cp", "-a", self.template, self.keeper.store], check=True)

    def count(self, calls, trace):
        self.reset()
        self.keeper(*PRUNE, before=[tool("strace"), "-f", "-qq", "-o", trace, "-e", f"trace={calls}"])
        count = len(re.findall(rf"^\d+ +(?:{calls.replace(',', '|')})\(", trace.read_text(errors="replace"), re.MULTILINE))
        assert count > 0, f"prune makes none of {calls}"
        return count

    def check(self):
        present = {p.name for p in (self.keeper.store / "small").iterdir() if p.name[:2] == "20"}
        assert set(self.names[-2:]) <= present, "one that is kept is gone"
        self.keeper("verify")
        listed = {b["id"] for b in self.keeper("list", "small", "--json").json()["databases"][0]["backups"]}
        assert listed == present

    def recover(self):
        self.keeper(*PRUNE)
        assert [p.name for p in self.keeper.backups("small")] == self.names[-2:]
        assert self.keeper.leftovers() == []
        self.keeper("verify")
        self.keeper.backup(self.source)


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    return Pruned(tmp_path_factory.mktemp("pruned"))


@pytest.mark.parametrize("calls", ["rename,renameat,renameat2", "unlink,unlinkat,rmdir", "fsync,fdatasync", "mkdir,mkdirat", "write"],
                         ids=lambda value: value.split(",")[0])
@pytest.mark.timeout(300)
def test_a_kill_at_any_step_of_prune_leaves_each_backup_whole_or_gone(pruned, tmp_path, calls):
    for number in sample(pruned.count(calls, tmp_path / "trace"), 4 * MOST):
        pruned.reset()
        pruned.keeper(*PRUNE, before=strace(f"{calls}:signal=KILL:when={number}"), expect=None)
        try:
            pruned.check()
            pruned.recover()
        except AssertionError as failure:
            raise AssertionError(f"killed at call {number} of {calls}: {failure}") from None


@pytest.mark.parametrize("calls, error", [
    ("rename,renameat,renameat2", "EIO"), ("unlink,unlinkat", "EIO"), ("unlink,unlinkat", "EACCES"), ("fsync,fdatasync", "EIO"), ("mkdir,mkdirat", "ENOSPC"),
    ("mkdir,mkdirat", "EIO"), ("write", "ENOSPC"), ("openat,openat2", "EMFILE"), ("getdents64", "EIO"), ("newfstatat,statx,fstat", "EIO")],
    ids=lambda value: value.split(",")[0])
@pytest.mark.timeout(300)
def test_a_failing_call_leaves_each_backup_whole_or_gone(pruned, tmp_path, calls, error):
    for number in sample(pruned.count(calls, tmp_path / "trace"), 2 * MOST):
        pruned.reset()
        done = pruned.keeper(*PRUNE, before=strace(f"{calls}:error={error}:when={number}"), expect=None)
        try:
            # The loader's own calls may fail too, and the journal's line is a warning.
            assert done.status in (0, 1, 2, 10, 11, 127), repr(done)
            assert done.status == 0 or done.err.strip(), repr(done)
            pruned.check()
            pruned.recover()
        except AssertionError as failure:
            raise AssertionError(f"{error} at call {number} of {calls}: {failure}\n{done!r}") from None


def test_what_cannot_be_removed_is_told_and_kept_for_the_next_run(pruned):
    pruned.reset()
    done = pruned.keeper(*PRUNE, before=strace("rename,renameat,renameat2:error=EIO:when=1"), expect=1)
    (database,) = done.json()["databases"]
    failed = [b for b in database["backups"] if b["problem"]]
    assert [b["id"] for b in failed] == pruned.names[:1] and not failed[0]["kept"]
    assert pruned.names[0] in done.err
    assert [p.name for p in pruned.keeper.backups("small")] == [pruned.names[0], *pruned.names[-2:]]
    pruned.recover()
