"""Git and databases: what scan and backup say of it, scan --fix, and the guard's hooks, with the real git."""
import hashlib
import os
import pathlib
import pty
import shlex
import shutil
import sqlite3
import subprocess

import pytest

from conftest import make_small, tool


class Repository:
    def __init__(self, folder, home):
        self.folder, self.home = folder, home
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / ".git").exists():
            self("init", "-q", "-b", "main")

    def environment(self, **extra):
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC", "GIT_EDITOR": "true",
                **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "t"), ("EMAIL", "t@example.org"))}, **extra}

    def __call__(self, *args, expect=0, cwd=None, env=None, **options):
        done = subprocess.run([tool("git"), "-c", "advice.detachedHead=false", "-c", "protocol.file.allow=always", *map(str, args)], cwd=cwd or self.folder,
                              env=self.environment(**(env or {})), capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
        assert expect is None or (done.returncode == 0) == (expect == 0), f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        done.all = done.stdout + done.stderr
        return done

    def commit(self, message="x"):
        self("add", "-A")
        self("commit", "-qm", message)

    def index(self):
        return self("ls-files", "-s").stdout


def insert(path, rows):
    db = sqlite3.connect(path)
    db.executemany("INSERT INTO post (text) VALUES (?)", [(f"new {i}",) for i in range(rows)])
    db.commit()
    db.close()


def count(path):
    db = sqlite3.connect(path)
    try:
        return db.execute("SELECT count(*) FROM post").fetchone()[0]
    finally:
        db.close()


def identity(path):
    st = os.stat(path)
    return st.st_ino, st.st_mtime_ns, st.st_ctime_ns, st.st_size, hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


@pytest.fixture
def repository(tmp_path, litekeep):
    """A repository whose posts.db has 10 rows in the first commit and 30 in the second."""
    litekeep.store = tmp_path / "store"
    r = Repository(tmp_path / "repo", litekeep.home)
    make_small(r.folder / "posts.db", rows=10)
    (r.folder / "other.txt").write_text("1\n")
    r.commit("ten")
    insert(r.folder / "posts.db", 20)
    r.commit("thirty")
    return r


def found(litekeep, *paths):
    return {pathlib.Path(f["path"]).name: f for f in litekeep("scan", "--json", *paths, expect={0, 3}).json()["found"]}


@pytest.mark.sanitized
def test_scan_names_every_threat_and_the_commands_that_end_it(litekeep, repository):
    top = repository.folder
    make_small(top / "free.db")
    make_small(top / "ignored.db")
    make_small(top / "it's a.db")
    (top / ".gitignore").write_text("/ignored.db\n")
    (top / ".gitattributes").write_text("*.db filter=lfs diff=lfs merge=lfs text\n")
    hook = top / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    (hook.parent / "post-merge").write_text("not executable\n")
    repository("add", "it's a.db")
    repository("commit", "-qm", "quote")
    f = found(litekeep, top)
    tracked = " ".join(f["posts.db"]["threats"])
    assert f["posts.db"]["git_tracked"] and "tracked by Git" in tracked and "filter lfs" in tracked and "attribute text" in tracked
    assert "post-checkout" in tracked and "post-merge" not in tracked
    assert "git clean -fd" in " ".join(f["free.db"]["threats"]) and not f["free.db"]["git_tracked"]
    assert f["ignored.db"]["threats"] == [] and f["ignored.db"]["remedies"] == [] and not f["ignored.db"]["git_unsafe"]
    assert f["posts.db"]["repository"] == f"{top}/"
    # The commands do what they say, typed into a shell as they are.
    for name in ("posts.db", "free.db", "it's a.db"):
        for line in f[name]["remedies"]:
            done = subprocess.run(["sh", "-c", line], env=repository.environment(), capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
    again = found(litekeep, top)
    assert all(again[name]["threats"] == [] for name in ("posts.db", "free.db", "it's a.db")), again
    text = litekeep("scan", top).out
    assert "tracked by Git" not in text


def test_what_is_only_in_head_is_told(litekeep, repository):
    repository("rm", "-q", "--cached", "posts.db")
    (repository.folder / ".gitignore").write_text("posts.db\n")
    f = found(litekeep, repository.folder)["posts.db"]
    assert "reset --hard" in " ".join(f["threats"]) and not f["git_tracked"] and not f["git_unsafe"]
    assert [line for line in f["remedies"] if "commit" in line]


@pytest.mark.sanitized
def test_backup_warns_once_for_each_database_and_not_when_quiet(litekeep, repository):
    for i in range(6):
        make_small(repository.folder / f"n{i}.db", rows=2)
    done = litekeep.backup(repository.folder)
    warnings = [line for line in done.err.splitlines() if "warning" in line]
    assert len(warnings) == 4 and "posts.db" in warnings[0] and "tracked by Git" in warnings[0], "the tracked one first"
    assert all(f"`litekeep scan {repository.folder}/" in line and "git -C" not in line for line in warnings[:3])
    assert done.err.count("git clean -fd") == 2 and "4 more databases" in done.err
    assert f"`litekeep scan {repository.folder}/`" in done.err and f"`litekeep scan --fix {repository.folder}/`" in done.err
    assert litekeep.backup("-q", repository.folder).err == ""
    warned = [e for e in litekeep.backup("--json", repository.folder / "posts.db").json_lines() if e["type"] == "warning"]
    assert len(warned) == 1 and "tracked by Git" in warned[0]["message"]
    (repository.folder / ".gitignore").write_text("*.db\n")
    repository("rm", "-q", "--cached", "posts.db")
    repository("commit", "-qm", "gone")
    assert litekeep.backup(repository.folder).err == ""


@pytest.mark.sanitized
def test_fix_touches_the_index_and_gitignore_and_nothing_else(litekeep, repository):
    top = repository.folder
    make_small(top / "free.db")
    (top / ".gitignore").write_bytes(b"# mine\r\n*.log")
    (top / "other.txt").write_text("staged\n")
    repository("add", "other.txt")
    before = {name: identity(top / name) for name in ("posts.db", "free.db", "other.txt", ".git/HEAD")}
    index = repository.index()
    dry = litekeep("scan", "--fix", "--dry-run", top)
    assert "would be" in dry.out and repository.index() == index and (top / ".gitignore").read_bytes() == b"# mine\r\n*.log"
    done = litekeep("scan", "--fix", "--yes", top)
    assert "DELETED" in done.out and "next commit" in done.out and "history" in done.out
    assert {name: identity(top / name) for name in before} == before
    assert repository.index() == "".join(line + "\n" for line in index.splitlines() if not line.endswith("posts.db"))
    assert repository("diff", "--cached", "--name-status").stdout == "M\tother.txt\nD\tposts.db\n"
    text = (top / ".gitignore").read_bytes()
    assert text.startswith(b"# mine\r\n*.log\n") and b"/posts.db\n" in text and b"/free.db-wal\n" in text
    assert repository("status", "--porcelain", "--ignored", "free.db", "posts.db").stdout.count("!!") == 2
    repository("fsck", "--strict")
    again = litekeep("scan", "--fix", "--yes", "--json", top).json()
    assert again["fixed"] == [] and (top / ".gitignore").read_bytes() == text
    assert not list((top / ".git").glob("*lock")) and not list((top / ".git").glob("litekeep*"))


def test_what_the_notes_of_a_fix_say_is_so(litekeep, repository, tmp_path):
    """The pull of the removal deletes; a checkout of an old commit overwrites an ignored file."""
    repository("clone", "-q", repository.folder, tmp_path / "clone")
    litekeep("scan", "--fix", "--yes", repository.folder)
    repository("add", ".gitignore")
    repository("commit", "-qm", "Stop tracking posts.db")
    repository("pull", "-q", cwd=tmp_path / "clone")
    assert not (tmp_path / "clone/posts.db").exists() and (repository.folder / "posts.db").exists()
    insert(repository.folder / "posts.db", 5000)
    repository("checkout", "-q", "HEAD~1")
    assert count(repository.folder / "posts.db") == 30


def test_fix_wants_a_yes(litekeep, repository):
    top = repository.folder
    done = litekeep("scan", "--fix", top, expect=2)
    assert "--yes" in done.err
    litekeep("scan", "--yes", top, expect=2)
    index = repository.index()

    def asked(answer):
        master, slave = pty.openpty()
        process = subprocess.Popen(litekeep.command("scan", "--fix", top), stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=litekeep.environment())
        os.close(slave)
        os.write(master, answer)
        out, err = process.communicate(timeout=60)
        os.close(master)
        assert process.returncode == 0 and str(top).encode() in err
        return out

    asked(b"\n")
    asked(b"no\n")
    assert repository.index() == index
    asked(b"y\n")
    assert "posts.db" not in repository.index()


def test_fix_of_a_locked_index_is_refused_and_the_others_are_done(litekeep, repository, tmp_path):
    second = Repository(tmp_path / "second", litekeep.home)
    make_small(second.folder / "two.db")
    second.commit()
    (repository.folder / ".git/index.lock").write_text("")
    index = repository.index()
    done = litekeep("scan", "--fix", "--yes", repository.folder, second.folder, expect=6)
    assert "index.lock" in done.err and repository.index() == index
    assert second.index() == "" and (repository.folder / ".git/index.lock").exists()


@pytest.mark.sanitized
def test_nothing_of_a_hostile_repository_is_run(litekeep, repository, tmp_path):
    top, canary = repository.folder, tmp_path / "canary"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\necho \"$0 $*\" >> {canary}\ncat\n")
    evil.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (hooks / name).chmod(0o755)
    for key, value in (("core.fsmonitor", evil), ("core.hooksPath", hooks), ("filter.x.clean", evil), ("filter.x.smudge", evil), ("filter.x.process", evil),
                       ("core.sshCommand", evil), ("core.pager", evil), ("core.editor", evil), ("diff.external", evil), ("credential.helper", evil),
                       ("gpg.program", evil), ("core.gitProxy", evil), ("uploadpack.packObjectsHook", evil), ("alias.status", f"!{evil}")):
        repository("config", key, str(value))
    (top / ".gitattributes").write_text("*.db filter=x diff=x merge=x\n")
    canary.unlink(missing_ok=True)
    make_small(top / "free.db")
    threats = " ".join(found(litekeep, top)["posts.db"]["threats"])
    assert "filter x" in threats and "post-checkout" in threats
    litekeep.backup(top)
    refused = litekeep("guard", "install", top, expect=6)
    assert "core.hooksPath" in refused.err and not list((top / ".git/hooks").glob("*rebase"))
    litekeep("guard", "show", top, expect=6)
    litekeep("scan", "--fix", "--yes", top)
    assert not canary.exists(), canary.read_text()


@pytest.mark.root
def test_a_repository_of_another_owner_is_not_looked_at(litekeep, repository):
    top = repository.folder
    for path in (top, *top.rglob("*")):
        os.chown(path, 12345, 12345)
    f = found(litekeep, top)["posts.db"]
    assert len(f["threats"]) == 1 and "owned by user 12345" in f["threats"][0] and "safe.directory" in f["threats"][0]
    assert not f["git_tracked"] and f["remedies"] == []
    before = hashlib.sha256((top / ".git/index").read_bytes()).hexdigest()
    litekeep("guard", "install", top, expect=6)
    assert "12345" in litekeep("scan", "--fix", "--yes", top, expect=6).err
    assert hashlib.sha256((top / ".git/index").read_bytes()).hexdigest() == before and not (top / ".gitignore").exists()
    assert "12345" in litekeep.backup(top).err
    (litekeep.home / ".gitconfig").write_text(f"[safe]\n\tdirectory = {top}\n")
    assert found(litekeep, top)["posts.db"]["git_tracked"]
    litekeep("scan", "--fix", "--yes", top)
    for name in (".git/index", ".gitignore"):
        assert os.stat(top / name).st_uid == 12345, name


@pytest.mark.parametrize("kind", ["sha256", "split", "sparse"])
def test_an_index_that_libgit2_cannot_read_is_said_and_never_guessed(litekeep, tmp_path, kind):
    top = tmp_path / "odd"
    subprocess.run([tool("git"), "init", "-q", *(["--object-format=sha256"] if kind == "sha256" else []), top], check=True)
    r = Repository(top, litekeep.home)
    for name in ("a", "b"):
        (top / name).mkdir()
        make_small(top / name / f"{name}.db")
    r.commit()
    if kind == "split":
        r("update-index", "--split-index")
    if kind == "sparse":
        r("sparse-checkout", "set", "--cone", "--sparse-index", "a")
    f = found(litekeep, top)["a.db"]
    assert f["git_unknown"] and not f["git_tracked"] and "cannot be" in f["threats"][0]
    assert "cannot be" in litekeep.backup(top).err
    index = (top / ".git/index").read_bytes()
    assert "cannot be" in litekeep("scan", "--fix", "--yes", top, expect=6).err
    assert (top / ".git/index").read_bytes() == index and not (top / ".gitignore").exists()


@pytest.mark.parametrize("key, value", [("index.version", "4"), ("core.untrackedCache", "true"), ("extensions.worktreeConfig", "true")])
def test_other_kinds_of_index_are_fixed(litekeep, repository, key, value):
    repository("config", key, value)
    repository("update-index", "--force-write-index")
    repository("status")
    litekeep("scan", "--fix", "--yes", repository.folder)
    assert repository("diff", "--cached", "--name-status").stdout == "D\tposts.db\n"
    assert repository("diff", "--name-status").stdout == ""


def test_a_thousand_databases_of_one_repository_open_it_once(litekeep, repository):
    top = repository.folder
    make_small(top / "one.db", rows=1)
    for i in range(1000):
        folder = top / f"d{i % 50}"
        folder.mkdir(exist_ok=True)
        shutil.copyfile(top / "one.db", folder / f"{i}.db")
    repository.commit()
    trace = top.parent / "trace"
    litekeep("scan", "-q", top, before=[tool("strace"), "-f", "-e", "trace=openat,open", "-o", trace])
    opened = [line for line in trace.read_text().splitlines() if ".git/index\"" in line]
    assert 1 <= len(opened) <= 5, len(opened)


def make_store(litekeep):
    empty = litekeep.home / "empty"
    empty.mkdir()
    litekeep.backup("-q", empty)


def installed(litekeep, repository, *more):
    litekeep.backup("-q", repository.folder / "posts.db")
    return litekeep("guard", "install", *more, repository.folder)


def rows(litekeep, backup):
    return int(litekeep("query", backup, "SELECT count(*) FROM post", "--format", "csv").out.split()[-1])


LIVE = 5000


def diverge(repository, tmp_path, name="clone"):
    """A clone whose upstream has another posts.db; its own posts.db is committed with many rows, so that Git agrees to move on."""
    clone = tmp_path / name
    repository("clone", "-q", repository.folder, clone)
    r = Repository.__new__(Repository)
    r.folder, r.home = clone, repository.home
    return r


COMMANDS = {
    "merge": ("before", lambda r: r("merge", "-q", "other")),
    "merge --no-ff": ("before", lambda r: r("merge", "-q", "--no-ff", "-m", "m", "other")),
    "rebase": ("before", lambda r: r("rebase", "-q", "other")),
    "stash": ("before", lambda r: r("stash", "-q")),
    "checkout -f": ("after", lambda r: r("checkout", "-qf", "other")),
    "checkout -- FILE": ("after", lambda r: r("checkout", "HEAD", "--", "posts.db")),
    "restore FILE": ("after", lambda r: r("restore", "posts.db")),
    "switch -f": ("after", lambda r: r("switch", "-qf", "other")),
    "reset --hard": ("after", lambda r: r("reset", "-q", "--hard", "other")),
    "rebase --autostash": ("late", lambda r: r("rebase", "-q", "--autostash", "other", expect=None)),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_guard_comes_before_or_after_as_it_says(litekeep, repository, name):
    """`other` has the database with 10 rows; the live one has 5030, which no backup has yet."""
    when, command = COMMANDS[name]
    top = repository.folder
    if when == "before" and name != "stash":
        # Git refuses these while the file is changed: the rows are those of a commit that the other branch replaces.
        repository("checkout", "-q", "-b", "other")
        db = sqlite3.connect(top / "posts.db")
        db.execute("DELETE FROM post WHERE id > 10")
        db.commit()
        db.close()
        repository.commit("fewer")
        repository("checkout", "-q", "main")
        if name == "rebase":
            (top / "mine.txt").write_text("x")
            repository.commit("mine")
        live = 30
        make_store(litekeep)
        litekeep("guard", "install", top)
        taken = 1
    else:
        repository("branch", "other", "HEAD~1")
        installed(litekeep, repository)
        insert(top / "posts.db", LIVE)
        live = 30 + LIVE
        taken = 1
    if when == "before":
        assert len(litekeep.backups("posts")) == taken
    done = command(repository)
    counts = [rows(litekeep, f"posts@{b.name}") for b in (litekeep.backups("posts") if "posts" in litekeep.databases() else [])]
    if when == "before":
        assert counts[taken] == live, (counts, done.all)
    else:
        assert live not in counts, (counts, done.all)
    if when != "late":
        assert count(top / "posts.db") in (10, 30)


def test_a_loss_is_shown_at_once_with_the_command_that_brings_it_back(litekeep, repository):
    top = repository.folder
    installed(litekeep, repository)
    insert(top / "posts.db", LIVE)
    litekeep.backup("-q", top / "posts.db")
    for command in (["checkout", "-f", "HEAD~1"], ["reset", "--hard", "main"]):
        done = repository(*command)
        assert "LOST" in done.all and "restore posts@" in done.all, done.all
    words = shlex.split(next(line for line in done.all.splitlines() if "restore posts@" in line))
    litekeep(*words[1:], store=False)
    assert count(top / "posts.db") == 30 + LIVE


def test_a_tracked_file_that_git_deletes_is_a_loss(litekeep, repository):
    top = repository.folder
    repository("checkout", "-q", "--orphan", "bare")
    repository("rm", "-q", "--cached", "posts.db")
    repository("commit", "-qm", "without")
    repository("checkout", "-qf", "main")
    installed(litekeep, repository)
    done = repository("checkout", "-q", "bare")
    assert not (top / "posts.db").exists() and "LOST" in done.all, done.all


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"SQLite format 3\0" + bytes(4080)],
                         ids=["0 bytes", "a pointer", "damaged"])
def test_a_tracked_file_that_git_makes_no_database_is_a_loss(litekeep, repository, content):
    top = repository.folder
    database = (top / "posts.db").read_bytes()
    (top / "posts.db").write_bytes(content)
    repository("commit", "-qam", "what was there once")
    (top / "posts.db").write_bytes(database)
    repository("commit", "-qam", "the database")
    installed(litekeep, repository)
    litekeep.backup("-q", top / "posts.db")
    done = repository("checkout", "-q", "HEAD~1")
    assert (top / "posts.db").read_bytes() == content and "LOST" in done.all and "restore posts@" in done.all, done.all


def test_what_the_guard_cannot_compare_is_said(litekeep, repository):
    top = repository.folder
    litekeep.backup("-q", top / "posts.db")
    journal = litekeep.store / "posts" / "events.jsonl"
    journal.unlink()
    journal.mkdir()
    done = litekeep("guard", "check", top, "--json", expect=3)
    assert done.json()["compared"] == done.json()["losses"] == 0 and len(done.json()["problems"]) == 1
    assert "could not be compared" in done.err and "events.jsonl" in done.err


@pytest.mark.sanitized
def test_install_takes_the_first_backup_so_that_no_loss_is_silent(litekeep, repository):
    top = repository.folder
    make_store(litekeep)
    litekeep("guard", "install", "--dry-run", top)
    assert not litekeep.databases()
    insert(top / "posts.db", LIVE)
    assert litekeep("guard", "install", "--json", top).json()["backed_up"] == 1
    assert litekeep("guard", "install", "--json", top).json()["backed_up"] == 0 and len(litekeep.backups("posts")) == 1
    assert "LOST" in repository("checkout", "-f", "HEAD", "--", "posts.db").all
    litekeep("guard", "check", top, expect=4)


def test_a_first_backup_that_fails_is_said(litekeep, repository):
    done = litekeep("guard", "install", repository.folder, expect=10)
    assert "no store is there" in done.err and "the hooks are in place, but" in done.err
    make_store(litekeep)
    (repository.folder / "posts.db").write_bytes(b"SQLite format 3\0\x10\0\1\1\0\x40\x20\x20" + bytes(4072))
    done = litekeep("guard", "install", repository.folder, expect=3)
    assert "posts.db" in done.err and "the hooks are in place, but" in done.err and "guard backup" in done.err
    assert litekeep("guard", "show", "--json", repository.folder).json()["installed"]


@pytest.mark.sanitized
def test_check_names_what_has_no_backup_to_compare_with(litekeep, repository):
    top = repository.folder
    for made in (False, True):
        done = litekeep("guard", "check", "--json", top, expect=3)
        assert done.json()["without_backup"] == [str(top / "posts.db")] and done.json()["compared"] == 0
        assert "posts.db has no backup to compare with: litekeep " in done.err and "guard backup" in done.err
        if not made:
            make_store(litekeep)
    litekeep("guard", "backup", top)
    assert litekeep("guard", "check", "--json", top).json()["without_backup"] == []


def test_show_promises_nothing_that_is_not_installed(litekeep, repository):
    make_store(litekeep)
    assert "once installed: a backup comes before" in litekeep("guard", "show", repository.folder).out
    litekeep("guard", "install", repository.folder)
    assert "once installed" not in litekeep("guard", "show", repository.folder).out


def test_a_pull_takes_a_backup_before(litekeep, repository, tmp_path):
    clone = diverge(repository, tmp_path)
    db = sqlite3.connect(repository.folder / "posts.db")
    db.execute("DELETE FROM post")
    db.commit()
    db.close()
    repository.commit("emptied")
    litekeep.backup("-q", repository.folder / "posts.db", "--name", "upstream")
    litekeep("guard", "install", clone.folder)
    done = clone("pull", "-q", "--ff-only")
    assert count(clone.folder / "posts.db") == 0
    assert rows(litekeep, f"{clone.folder}/posts.db@{litekeep.backups('posts')[1].name}") == 30
    assert "LOST" in done.all, done.all


def test_own_hooks_go_on_with_arguments_input_and_exit_code(litekeep, repository, tmp_path):
    top, log = repository.folder, tmp_path / "log"
    hooks = top / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-rebase", "reference-transaction", "post-checkout", "post-rewrite"):
        (hooks / name).write_text(f"#!/bin/sh\nread='read' # {name}\necho \"{name} $*\" >> {log}\n"
                                  + (f"cat >> {log}\n" if name in ("reference-transaction", "post-rewrite") else "")
                                  + ("exit 7\n" if name == "post-checkout" else ""))
        (hooks / name).chmod(0o751)
    (hooks / "real").write_text(f"#!/bin/sh\necho linked >> {log}\n")
    (hooks / "real").chmod(0o755)
    (hooks / "post-merge").symlink_to("real")
    before = {p.name: (p.read_bytes(), p.lstat().st_mode, p.is_symlink()) for p in hooks.iterdir()}

    def work():
        log.unlink(missing_ok=True)
        codes = [repository(*args, expect=None).returncode for args in (
            ["checkout", "-q", "-b", "side"], ["commit", "-q", "--allow-empty", "-m", "side"], ["checkout", "-q", "main"],
            ["commit", "-q", "--allow-empty", "-m", "main"], ["rebase", "-q", "side"], ["merge", "-q", "side"], ["reset", "-q", "--hard", "HEAD~1"],
            ["commit", "-q", "--amend", "--allow-empty", "-m", "amended"])]
        text = log.read_text()
        repository("checkout", "-qf", "main", expect=None)
        repository("reset", "-q", "--hard", start)
        repository("branch", "-qD", "side")
        return codes, text

    start = repository("rev-parse", "HEAD").stdout.strip()
    fixed = {"GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}
    plain_environment = repository.environment
    repository.environment = lambda **extra: plain_environment(**{**fixed, **extra})
    work()  # what Git keeps from the first time (ORIG_HEAD) is there each time from now on
    without = work()
    assert 1 in without[0]  # of a hook that exits with 7
    installed(litekeep, repository)
    assert (hooks / "pre-rebase").read_bytes() != before["pre-rebase"][0]
    assert work() == without
    again = {p.name: p.read_bytes() for p in hooks.iterdir()}
    assert litekeep("guard", "install", "--json", top).json()["changed"] is False
    assert {p.name: p.read_bytes() for p in hooks.iterdir()} == again
    shown = litekeep("guard", "show", "--json", top).json()
    assert shown["installed"] and shown["databases"] == [str(top / "posts.db")]
    litekeep("guard", "remove", top)
    assert {p.name: (p.read_bytes(), p.lstat().st_mode, p.is_symlink()) for p in hooks.iterdir()} == before
    assert litekeep("guard", "remove", "--json", top).json()["changed"] is False
    assert not litekeep("guard", "show", "--json", top).json()["installed"]


def test_a_hook_written_over_the_guards_is_never_lost(litekeep, repository):
    hooks = repository.folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    make_store(litekeep)
    (hooks / "post-merge").write_text("#!/bin/sh\n# first\n")
    (hooks / "post-merge").chmod(0o755)
    litekeep("guard", "install", repository.folder)
    (hooks / "post-merge").write_text("#!/bin/sh\n# second\n")
    done = litekeep("guard", "install", repository.folder, expect=6)
    assert "post-merge.litekeep-saved" in done.err
    assert "post-merge" in litekeep("guard", "remove", repository.folder).out
    assert (hooks / "post-merge").read_text().endswith("second\n") and (hooks / "post-merge.litekeep-saved").read_text().endswith("first\n")
    assert not (hooks / "pre-rebase").exists()


@pytest.mark.sanitized
def test_guard_backup_and_check_are_for_tracked_databases(litekeep, repository):
    make_small(repository.folder / "free.db")
    litekeep.backup("-q", repository.folder / "posts.db")
    done = litekeep("guard", "backup", "--json", repository.folder).json()
    assert done["done"] == 1 and done["databases"] == [str(repository.folder / "posts.db")] and litekeep.databases() == ["posts"]
    assert litekeep("guard", "backup", "--if-older-than", "1h", "--json", repository.folder).json()["skipped"] == 1
    assert litekeep("guard", "check", "--json", repository.folder).json()["losses"] == 0
    db = sqlite3.connect(repository.folder / "posts.db")
    db.execute("DELETE FROM post WHERE id > 25")
    db.commit()
    db.close()
    done = litekeep("guard", "check", "--json", repository.folder, expect=4)
    assert done.json()["losses"] == 1 and "LOST" in done.err


def test_a_litekeep_that_is_started_by_a_hook_starts_no_hook(litekeep, repository):
    installed(litekeep, repository)
    insert(repository.folder / "posts.db", 5)
    before = len(litekeep.backups("posts"))
    repository("stash", "-q", env={"LITEKEEP_GUARD": "1"})
    assert len(litekeep.backups("posts")) == before


@pytest.mark.sanitized
def test_a_hook_that_goes_by_its_name_is_not_renamed(litekeep, repository):
    hooks = repository.folder / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "post-merge").write_text('#!/bin/sh\ncase $(basename "$0") in post-merge) ;; esac\n')
    (hooks / "post-merge").chmod(0o755)
    before = sorted(p.name for p in hooks.iterdir())
    done = litekeep("guard", "install", repository.folder, expect=6)
    assert "post-merge" in done.err and "by hand" in done.err
    assert sorted(p.name for p in hooks.iterdir()) == before


def test_dry_run_writes_nothing(litekeep, repository):
    hooks = repository.folder / ".git/hooks"
    before = sorted(hooks.iterdir()) if hooks.exists() else None
    done = litekeep("guard", "install", "--dry-run", repository.folder)
    assert "would be written" in done.out
    make_store(litekeep)
    assert (sorted(hooks.iterdir()) if hooks.exists() else None) == before
    litekeep("guard", "install", repository.folder)
    before = sorted(hooks.iterdir())
    assert "would be removed" in litekeep("guard", "remove", "--dry-run", repository.folder).out
    assert sorted(hooks.iterdir()) == before


@pytest.mark.parametrize("strict", [False, True])
def test_a_backup_that_fails_warns_and_stops_git_only_when_strict(litekeep, repository, strict):
    litekeep.backup("-q", repository.folder / "posts.db")
    litekeep("guard", "install", *(["--strict"] if strict else []), repository.folder)
    repository("branch", "side", "HEAD~1")
    shutil.rmtree(litekeep.store)  # not mounted
    head = repository("rev-parse", "side").stdout
    repository("checkout", "-q", "side")
    done = repository("merge", "-q", "main", expect=1 if strict else 0)
    assert "no backup" in done.all
    assert (repository("rev-parse", "HEAD").stdout == head) is strict
    assert (count(repository.folder / "posts.db") == 10) is strict


def test_a_program_that_is_gone_does_not_stop_git(litekeep, repository, tmp_path):
    make_store(litekeep)
    program = tmp_path / "litekeep copy"
    shutil.copy(litekeep.program, program)
    litekeep("guard", "install", "--program", program, repository.folder)
    program.unlink()
    repository("stash", expect=0)
    repository("checkout", "-q", "HEAD~1")
    repository("checkout", "-q", "main")
    done = repository("merge", "-q", "--no-ff", "-m", "x", "HEAD~1", expect=None)
    assert "is not there" in repository("rebase", "HEAD~1").all or "is not there" in done.all


def test_another_work_tree_is_guarded_too(litekeep, repository, tmp_path):
    litekeep.backup("-q", repository.folder / "posts.db")
    litekeep("guard", "install", repository.folder)
    repository("worktree", "add", "-q", tmp_path / "second", "-b", "second")
    assert litekeep("guard", "show", "--json", tmp_path / "second").json()["installed"]
    insert(tmp_path / "second/posts.db", 70)
    repository("stash", "-q", cwd=tmp_path / "second")
    sources = {d["path"] for d in litekeep("list", "--json").json()["databases"]}
    assert str(tmp_path / "second/posts.db") in sources


def test_guard_outside_of_git_and_wrong_usage(litekeep, tmp_path):
    for action in ("install", "show", "remove", "backup", "check"):
        litekeep("guard", action, tmp_path, expect=10)
    litekeep("guard", "nonsense", expect=2)
    litekeep("guard", "remove", "--strict", tmp_path, expect=2)
    litekeep("guard", expect=2)
