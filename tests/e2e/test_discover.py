"""Which databases are found, and what is said about what is none."""
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess

import pytest

from conftest import make_small, tool


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def names(litekeep):
    return litekeep.databases()


def test_databases_are_known_by_their_first_bytes_and_not_by_their_names(litekeep, tree):
    make_small(tree / "no extension at all")
    make_small(tree / "photo.jpg")
    (tree / "deep" / "er").mkdir(parents=True)
    make_small(tree / "deep" / "er" / "History")
    (tree / "notes.txt").write_text("no database")
    litekeep.backup(tree)
    assert len(names(litekeep)) == 3


@pytest.mark.sanitized
def test_files_named_as_databases_that_are_none_are_reported(litekeep, tree, corpus):
    make_small(tree / "good.db")
    (tree / "false.db").write_text("this is no database, whatever its name says" * 10)
    shutil.copyfile(corpus / "sqlite" / "encrypted-aegis.db3", tree / "encrypted-aegis.db3")
    done = litekeep.backup(tree, expect=None)
    assert "false.db" in done.err and "encrypted-aegis.db3" in done.err
    assert "encrypted" in done.err
    assert names(litekeep) == ["good"]
    found = {os.path.basename(f["path"]): f for f in litekeep("scan", "--json", tree, expect=3).json()["found"]}
    assert found["false.db"]["bytes"] == (tree / "false.db").stat().st_size and found["false.db"]["modified"]
    assert litekeep("scan", "--json", tree / "none.db", expect=3).json()["found"][0]["bytes"] is None
    assert litekeep("show", "goood", expect=10).err.count("did you mean 'good'?") == 1
    # Given by name, it is an error and not a remark.
    for name in ("false.db", "encrypted-aegis.db3"):
        done = litekeep.backup(tree / name, expect=3)
        assert name in done.err


def test_fifos_sockets_and_devices_are_never_opened(litekeep, tree, tmp_path):
    make_small(tree / "good.db")
    os.mkfifo(tree / "fifo.db")
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(tree)
    try:
        listener.bind("socket.db")
    finally:
        os.chdir(here)
    if os.geteuid() == 0:
        try:
            os.mknod(tree / "device.db", 0o600 | 0o060000, os.makedev(7, 99))
            os.mknod(tree / "tape.db", 0o600 | 0o020000, os.makedev(9, 0))
        except PermissionError:
            pass
    trace = tmp_path / "trace"
    litekeep.backup(tree, timeout=30, before=[tool("strace"), "-f", "-qq", "-e", "trace=open,openat,openat2", "-o", trace])
    listener.close()
    opened = [line for line in trace.read_text().splitlines() if any(f"{n}.db" in line for n in ("fifo", "socket", "device", "tape"))]
    assert opened == []
    assert names(litekeep) == ["good"]


def test_links_are_not_followed_and_loops_end(litekeep, tree, tmp_path):
    make_small(tree / "good.db")
    outside = tmp_path / "outside"
    outside.mkdir()
    make_small(outside / "outside.db")
    (tree / "loop").symlink_to(".")
    (tree / "loop2").symlink_to(tree)
    (tree / "out").symlink_to(outside)
    (tree / "file.db").symlink_to(outside / "outside.db")
    (tree / "dangling.db").symlink_to("nowhere")
    (tree / "self.db").symlink_to("self.db")
    litekeep.backup(tree, timeout=30)
    assert names(litekeep) == ["good"]


def test_a_hard_linked_file_is_backed_up_once(litekeep, tree):
    make_small(tree / "a.db")
    os.link(tree / "a.db", tree / "twin.db")
    litekeep.backup(tree)
    assert len(names(litekeep)) == 1


@pytest.mark.root
def test_a_folder_that_may_not_be_read_is_named_and_the_rest_is_done(litekeep, open_folder):
    """As another user, since modes do not bind root."""
    tree = open_folder / "tree"
    (tree / "secret").mkdir(parents=True)
    make_small(tree / "secret" / "hidden.db")
    make_small(tree / "unreadable.db")
    make_small(tree / "good.db")
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    (tree / "secret").chmod(0o700)
    (tree / "unreadable.db").chmod(0o600)
    program = open_folder / "litekeep"
    shutil.copyfile(litekeep.program, program)
    program.chmod(0o755)
    litekeep.program, litekeep.home, litekeep.store = program, home, home / "store"
    done = litekeep.backup(tree, expect=3, before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    assert "secret" in done.err and "unreadable.db" in done.err
    assert names(litekeep) == ["good"]


@pytest.mark.root
def test_a_database_of_another_user_is_read_without_writing_beside_it(litekeep, open_folder):
    """WAL mode in a folder where nothing can be made: a clean one, and one with a WAL and no -shm."""
    tree = open_folder / "tree"
    tree.mkdir()
    make_small(tree / "clean.db", wal=True)
    db = sqlite3.connect(tree / "x", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE post (id INTEGER PRIMARY KEY)")
    db.execute("INSERT INTO post VALUES (1)")
    for suffix in ("", "-wal"):
        shutil.copyfile(tree / f"x{suffix}", tree / f"pending.db{suffix}")
    db.close()
    (tree / "x").unlink()
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    program = open_folder / "litekeep"
    shutil.copyfile(litekeep.program, program)
    program.chmod(0o755)
    litekeep.program, litekeep.home, litekeep.store = program, home, home / "store"
    listing = sorted(os.listdir(tree))
    litekeep.backup(tree, before=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
    assert names(litekeep) == ["clean", "pending"]
    assert sorted(os.listdir(tree)) == listing


def test_a_path_that_does_not_exist_is_an_error(litekeep, tree):
    done = litekeep.backup(tree / "missing", expect=3)
    assert "missing" in done.err


def test_a_known_source_that_is_gone_is_reported(litekeep, tree):
    make_small(tree / "kept.db")
    make_small(tree / "gone.db")
    litekeep.backup(tree)
    (tree / "gone.db").unlink()
    done = litekeep.backup(tree, expect=None)
    assert done.status in (3, 4) and "gone.db" in done.err
    assert len(litekeep.backups("gone")) == 1 and len(litekeep.backups("kept")) == 2


def test_a_known_source_that_is_no_database_any_more_is_reported(litekeep, tree):
    make_small(tree / "spoilt.db")
    litekeep.backup(tree)
    (tree / "spoilt.db").write_text("overwritten with something else" * 100)
    done = litekeep.backup(tree, expect=None)
    assert done.status in (3, 4) and "spoilt.db" in done.err
    assert len(litekeep.backups("spoilt")) == 1


def test_its_own_store_is_skipped(litekeep, tree):
    make_small(tree / "good.db")
    store = tree / "backups"
    litekeep.backup("--format", "parquet,json,sqlite", tree, store=store)
    litekeep.backup("--format", "parquet,json,sqlite", tree, store=store)
    assert litekeep.databases(store) == ["good"]
    # A copied database inside a store is no source either.
    make_small(store / "good" / "inside.db")
    litekeep.backup(tree, store=store)
    assert litekeep.databases(store) == ["good"]


def test_include_and_exclude(litekeep, tree):
    for name in ("a.db", "b.db", "cache.db"):
        make_small(tree / name)
    (tree / "node_modules").mkdir()
    make_small(tree / "node_modules" / "n.db")
    litekeep.backup("--exclude", "node_modules", "--exclude", "cache*", tree)
    assert names(litekeep) == ["a", "b"]
    litekeep.backup("--include", "cache.db", tree)
    assert names(litekeep) == ["a", "b", "cache"]


def test_a_file_that_vanishes_in_mid_run_does_not_stop_the_others(litekeep, tree):
    for number in range(60):
        make_small(tree / f"d{number:02d}.db", rows=20)
    process = litekeep.start("backup", "--init", tree)
    for number in reversed(range(30, 60)):
        (tree / f"d{number:02d}.db").unlink()
    done = litekeep.finish(process)
    assert done.status in (0, 3)
    assert {f"d{n:02d}" for n in range(30)} <= set(names(litekeep))


HOSTILE = ["new\nline.db", "\x1b[31mred.db", "-rf.db", "$(touch pwned).db", "quote'\"`.db", "é.db", "e\u0301.db", "a" * 240 + ".db", " .db", "..db", "con.db",
           "tab\t.db", "a%b.db", "back\\slash.db", "\u202etxt.db", "*.db", "Case.db", "case.db", "~.db", "x@latest.db", "#.db"]


@pytest.mark.sanitized
def test_hostile_file_names_are_backed_up_and_never_reach_the_terminal_raw(litekeep, tree):
    from conftest import Litekeep
    for name in HOSTILE:
        make_small(tree / name, rows=5)
    raw = os.fsencode(tree) + b"/not\xffutf8.db"
    make_small(os.fsdecode(raw), rows=5)
    for arguments in (["scan", tree], ["backup", "--init", tree], ["backup", "-v", tree], ["list"], ["scan", tree]):
        done = litekeep(*arguments)  # conftest.sane looks at every byte of the output
        assert "\u202e" not in done.out + done.err
    assert len(names(litekeep)) == len(HOSTILE) + 1
    folded = [n.lower() for n in names(litekeep)]
    assert len(set(folded)) == len(folded), "unique without regard to case"
    import re
    for name in names(litekeep):
        assert re.fullmatch(r"[A-Za-z0-9_.%~-]{1,110}", name), name
    assert not (litekeep.home / "pwned").exists()


def test_scan_changes_nothing_and_says_what_threatens(litekeep, tree):
    make_small(tree / "tracked.db")
    make_small(tree / "free.db")
    git = lambda *args: subprocess.run([tool("git"), "-c", "user.name=t", "-c", "user.email=t@example.org", *args], cwd=tree, check=True, capture_output=True)
    git("init", "-q")
    git("add", "tracked.db")
    git("commit", "-qm", "x")
    before = {p: p.stat().st_mtime_ns for p in tree.rglob("*")}
    done = litekeep("scan", tree, expect=None)
    lines = done.out.splitlines()
    after = {name: next(lines[i + 1] for i, line in enumerate(lines) if name in line) for name in ("tracked.db", "free.db")}
    assert "tracked by Git" in after["tracked.db"] and "not ignored" in after["free.db"]
    found = {pathlib.Path(f["path"]).name: f for f in litekeep("--json", "scan", tree, expect=None).json()["found"]}
    assert found["tracked.db"]["git_tracked"] is True and found["free.db"]["git_tracked"] is False
    assert {p: p.stat().st_mtime_ns for p in tree.rglob("*")} == before
    assert not litekeep.store.exists()


def test_scan_of_what_cannot_be_backed_up_is_3(litekeep, tree):
    make_small(tree / "good.db")
    litekeep("scan", tree)
    (tree / "false.db").write_bytes(b"hello " * 1000)
    done = litekeep("scan", tree, expect=3)
    assert "good.db" in done.out and "1 file cannot be backed up" in done.out
    done = litekeep("scan", "--json", tree, expect=3).json()
    assert done["problems"] == 1 and [f["path"] for f in done["found"] if f["problem"]] == [str(tree / "false.db")]


def test_scan_reads_the_index_of_git_and_runs_no_program_of_the_work_tree(litekeep, tree):
    """A repository's config can name programs (fsmonitor, filters): looking at it must run none."""
    make_small(tree / "tracked.db")
    git = lambda *args: subprocess.run([tool("git"), "-c", "user.name=t", "-c", "user.email=t@example.org", *args], cwd=tree, check=True, capture_output=True)
    git("init", "-q")
    git("add", "tracked.db")
    git("config", "core.fsmonitor", "touch pwned; false")
    git("config", "filter.evil.clean", "touch pwned")
    (tree / ".gitattributes").write_text("*.db filter=evil\n")
    litekeep("scan", tree, expect=None)
    litekeep.backup(tree)
    assert not list(tree.rglob("pwned"))
