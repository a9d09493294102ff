"""The loss that this program was made for: a database that Git tracks, and Git puts the old file back."""
import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from conftest import tool
from same import same
from test_alarms import Source, run_command

OLD, NEW = 5_000, 60_000


class Repository:
    """A work tree with a small database in it, and a bare repository that it was cloned from."""

    def __init__(self, folder):
        self.git_program = tool("git")
        self.folder = folder
        folder.mkdir()
        self.tree, self.origin = folder / "data", folder / "origin.git"

    def git(self, *args, cwd=None):
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@example.org",
               "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "a@example.org", "LC_ALL": "C"}
        return subprocess.run([self.git_program, *map(str, args)], cwd=cwd or self.tree, env=env, check=True, capture_output=True, text=True)


def collect(path, first, last):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE IF NOT EXISTS posts(id INTEGER PRIMARY KEY AUTOINCREMENT, uri TEXT UNIQUE, text TEXT, likes INTEGER)")
    for start in range(first, last, 20_000):
        db.executemany("INSERT INTO posts(uri, text, likes) VALUES(?, ?, ?)",
                       ((f"at://post/{i}", f"text {i % 97}", i % 11) for i in range(start, min(start + 20_000, last))))
        db.commit()
    db.close()


@pytest.fixture
def incident(litekeep, tmp_path):
    """The repository, its database filled up, and one backup of it."""
    r = Repository(tmp_path / "work")
    r.git("init", "-q", "--bare", "-b", "main", r.origin, cwd=tmp_path)
    r.git("clone", "-q", r.origin, r.tree, cwd=tmp_path)
    source = Source(litekeep, r.tree)
    collect(source.path, 0, OLD)
    r.git("add", "posts.db")
    r.git("commit", "-q", "-m", "first posts")
    r.git("branch", "-M", "main")
    r.git("push", "-q", "origin", "main")
    collect(source.path, OLD, NEW)
    source.backup()
    good = tmp_path / "good.db"
    shutil.copyfile(source.path, good)
    return r, source, good


def checkout(r):
    r.git("checkout", "-f", "main")
    r.git("checkout", "-f", "--", ".")


def reset(r):
    r.git("reset", "-q", "--hard", "HEAD")


def forced_pull(r):
    """Somebody pushed over the branch; what is here gives way."""
    other = r.folder / "other"
    r.git("clone", "-q", r.origin, other, cwd=r.folder)
    (other / "readme").write_text("new\n")
    r.git("add", "readme", cwd=other)
    r.git("commit", "-q", "--amend", "-m", "rewritten", cwd=other)
    r.git("push", "-q", "-f", "origin", "main", cwd=other)
    r.git("fetch", "-q", "origin")
    r.git("reset", "-q", "--hard", "origin/main")
    r.git("pull", "-q", "--force", "origin", "main")


@pytest.mark.parametrize("lose", [checkout, reset, forced_pull], ids=lambda f: f.__name__)
def test_the_old_file_is_back_and_the_printed_command_brings_the_new_one_back(incident, litekeep, lose):
    r, source, good = incident
    lose(r)
    assert source.count() == OLD
    done = source.backup(expect=4)
    (alarm,) = source.alarms(done)
    first = source.ids()[0]
    assert (alarm["kind"], alarm["table"], alarm["before"], alarm["now"], alarm["good"]) == ("rows", "posts", NEW, OLD, first)
    said = f'table "posts" of {source.path} lost {NEW - OLD:,} of {NEW:,} rows (91.7 %): {OLD:,} are left since the backup of '
    assert alarm["message"].startswith(said)
    causes = "\n".join(alarm["causes"])
    assert "tracked by Git" in causes and "change counter has gone back" in causes
    if lose is not checkout:  # a checkout of the same commit leaves no trace in the reflog of every version
        assert "HEAD" in causes or "reset" in causes, causes
    assert alarm["restore"].endswith(f"restore posts@{first} --to {source.path} --force"), alarm["restore"]
    assert source.pinned() == {first}
    # The alarm is told once, and stays open.
    done = source.backup()
    assert source.alarms(done) == [] and len(source.alarms(done, "open")) == 1
    restored = run_command(litekeep, alarm["restore"])
    assert restored.returncode == 0, restored
    same(good, source.path)
    done = source.backup()
    assert len(source.alarms(done, "recovered")) == 1 and source.alarms(done) == []
    done = source.backup()
    assert source.alarms(done) == source.alarms(done, "open") == []


@pytest.mark.parametrize("command", [["checkout", "-q", "-f", "--", "posts.db"], ["restore", "posts.db"]], ids=lambda c: c[0])
def test_a_file_that_git_put_back_without_a_trace_is_known_by_its_bytes(incident, command):
    r, source, good = incident
    source.backup()  # after whatever the reflog says
    before = (r.tree / ".git" / "logs" / "HEAD").read_bytes()
    r.git(*command)
    assert (r.tree / ".git" / "logs" / "HEAD").read_bytes() == before
    (alarm,) = source.alarms(source.backup(expect=4))
    assert "it is byte for byte the version that Git has of it" in alarm["causes"], alarm
    assert f" --to {source.path} --force" in alarm["restore"]


def test_rows_that_were_deleted_in_a_tracked_file_are_not_gits_doing(incident):
    r, source, good = incident
    source.sql("DELETE FROM posts WHERE id > 9")
    (alarm,) = source.alarms(source.backup(expect=4))
    assert not any("byte for byte" in cause for cause in alarm["causes"])


POLICIES = {
    "last": ["--keep-last", "1"],
    "daily": ["--keep-daily", "1"],
    "within": ["--keep-within", "1h"],
    "the first of the schedule": ["--keep-last", "3", "--keep-daily", "7", "--keep-weekly", "4", "--keep-monthly", "12"],
    "yearly": ["--keep-yearly", "1"],
}


def kept_by(litekeep, *options):
    """The ids that a policy keeps."""
    (database,) = litekeep("prune", "--json", *options).json()["databases"]
    return {b["id"] for b in database["backups"] if b["kept"]}


def test_every_policy_keeps_the_good_backup_through_a_hundred_runs(litekeep, tmp_path):
    source = Source(litekeep, tmp_path / "data")
    source.fill(2000)
    source.backup()
    first = source.ids()[0]
    source.sql("DELETE FROM posts WHERE id > 40")
    source.backup(expect=4)
    for run in range(100):
        source.sql(f"INSERT INTO posts(text) VALUES('{run}')")
        litekeep("backup", "-q", "--format", "parquet", source.folder)
        if run % 33 == 0:
            for name, policy in POLICIES.items():
                assert first in kept_by(litekeep, "--dry-run", *policy), f"{name}, after {run + 1} runs"
    assert len(source.ids()) == 102
    for name, policy in POLICIES.items():
        litekeep("prune", *policy)
        assert first in source.ids(), name
    assert len(source.ids()) < 10
    litekeep("verify", f"posts@{first}")
    (alarm,) = source.alarms(source.backup(), "open")
    assert run_command(litekeep, alarm["restore"]).returncode == 0
    assert source.count() == 2000


def test_a_policy_of_the_config_keeps_the_good_backup_too(litekeep, tmp_path):
    source = Source(litekeep, tmp_path / "data")
    config = litekeep.home / "config.ini"
    config.write_text("[litekeep]\nkeep-last = 2\n")
    config.chmod(0o600)
    named = ["--config", config]
    source.fill(3000)
    source.backup(options=named)
    first = source.ids()[0]
    source.sql("DELETE FROM posts WHERE id > 40")
    source.backup(expect=4, options=named)
    for run in range(20):
        source.sql(f"INSERT INTO posts(text) VALUES('{run}')")
        source.backup(options=named)
    assert first in source.ids() and len(source.ids()) < 10
    events = [json.loads(line) for line in (litekeep.store / "posts" / "events.jsonl").read_text().splitlines()]
    assert any(e["type"] == "prune" for e in events)
