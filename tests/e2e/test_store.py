"""The store: where it may be, what lies in it, who may use it at once, and what is done when it cannot be written."""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import stat
import subprocess
import time

import pytest

import oracle
from conftest import ID, make_small, tool, wait_for


def test_a_path_without_a_mark_is_refused_and_not_filled(litekeep, small, tmp_path):
    """An unmounted disk is an empty folder: it must be noticed."""
    empty = tmp_path / "mountpoint"
    empty.mkdir()
    done = litekeep("backup", small, store=empty, expect=10)
    assert "--init" in done.err
    assert os.listdir(empty) == []
    missing = tmp_path / "nowhere"
    litekeep("backup", small, store=missing, expect=10)
    litekeep("list", store=missing, expect=10)
    assert not missing.exists()


def test_the_default_store_is_made_by_itself(litekeep, small):
    litekeep("backup", small, store=False)
    store = litekeep.home / ".local" / "share" / "litekeep"
    assert (store / "litekeep-store.json").exists() and litekeep.backups("small", store)


def test_the_store_is_chosen_by_flag_before_environment_before_default(litekeep, small, tmp_path):
    a, b, xdg = tmp_path / "a", tmp_path / "b", tmp_path / "xdg"
    litekeep("backup", "--init", small, store=False, env={"LITEKEEP_STORE": str(a)})
    assert litekeep.backups("small", a)
    litekeep("backup", "--init", small, store=b, env={"LITEKEEP_STORE": str(a)})
    assert litekeep.backups("small", b) and len(litekeep.backups("small", a)) == 1
    litekeep("backup", small, store=False, env={"XDG_DATA_HOME": str(xdg)})
    assert litekeep.backups("small", xdg / "litekeep")


def test_the_mark_has_a_format_and_a_uuid(litekeep, small):
    import uuid
    litekeep.backup(small)
    mark = json.loads((litekeep.store / "litekeep-store.json").read_text())
    assert mark["format"] == 1
    uuid.UUID(mark["uuid"])


def modes(folder):
    for path in [folder, *folder.rglob("*")]:
        yield path, stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_folders_are_0700_and_finished_files_0400_whatever_the_umask(litekeep, small, umask):
    litekeep.backup(small, preexec_fn=lambda: os.umask(umask))
    for path, mode in modes(litekeep.latest()):
        assert mode == (0o700 if path.is_dir() else 0o400), (path, oct(mode))
    for path, mode in modes(litekeep.store):
        assert mode & 0o077 == 0, (path, oct(mode))


def test_ids_are_utc_without_colons_and_two_in_a_second_differ(litekeep, small):
    for _ in range(4):
        litekeep.backup(small)
    found = litekeep.backups("small")
    assert len(found) == 4 and all(ID.match(p.name) for p in found)
    assert [json.loads((p / "manifest.json").read_text())["seq"] for p in found] == [1, 2, 3, 4]


def test_nothing_else_lies_in_the_folder_of_a_database(litekeep, small):
    litekeep.backup(small)
    names = {p.name for p in (litekeep.store / "small").iterdir() if not ID.match(p.name)}
    assert {"source.json", "events.jsonl", "counts.jsonl"} <= names <= {"source.json", "events.jsonl", "counts.jsonl", ".lock", ".trash", ".untold"}
    folder = litekeep.latest()
    assert {p.name for p in folder.iterdir()} == {"manifest.json", "SHA256SUMS", "schema.sql", "parquet", "json"}


def test_every_backup_is_one_line_of_the_journal(litekeep, small):
    litekeep.backup(small)
    litekeep.backup(small)
    lines = [json.loads(line) for line in (litekeep.store / "small" / "events.jsonl").read_text().splitlines()]
    backups = [line for line in lines if line["type"] == "backup"]
    assert [line["id"] for line in backups] == [p.name for p in litekeep.backups("small")]


def test_a_lost_journal_and_a_lost_source_file_lose_no_backup(litekeep, small):
    litekeep.backup(small)
    for name in ("events.jsonl", "source.json"):
        (litekeep.store / "small" / name).unlink()
    litekeep("list", "small")
    litekeep.backup(small)
    found = litekeep.backups("small")
    assert len(found) == 2 and litekeep.databases() == ["small"]
    assert [json.loads((p / "manifest.json").read_text())["seq"] for p in found] == [1, 2]


def git(folder, *arguments):
    subprocess.run([tool("git"), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments], cwd=folder, check=True, capture_output=True)


def test_a_store_in_a_git_work_tree_is_refused_with_the_reason(litekeep, small, tmp_path):
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "-q")
    done = litekeep.backup(small, store=repository / "deep" / "backups", expect=6)
    assert "git" in done.err.lower()
    assert not (repository / "deep").exists()


def test_a_home_that_is_a_work_tree_is_a_warning_only(litekeep, small):
    git(litekeep.home, "init", "-q")
    done = litekeep.backup(small, store=litekeep.home / "backups")
    assert "git" in done.err.lower()


@pytest.mark.root
@pytest.mark.parametrize("options", ["size=1m,nr_inodes=500", "size=300k", "size=64m,nr_inodes=40", "size=64m,nr_inodes=16"])
def test_a_full_disk_leaves_what_was_there_and_nothing_half_made(litekeep, small, yardstick, mounts, tmp_path, options):
    mount = mounts.tmpfs("disk", options)
    store = mount / "store"
    first = litekeep.backup("--format", "parquet", small, store=store, expect=(0, 1))
    before = litekeep.backups("small", store)
    assert bool(before) == (first.status == 0)
    big = tmp_path / "data" / "big.db"
    if "nr_inodes" in options and "64m" in options:
        db = sqlite3.connect(big)
        for number in range(60):
            db.execute(f"CREATE TABLE t{number} (x)")
        db.commit()
        db.close()
    else:
        shutil.copyfile(yardstick, big)
    done = litekeep.backup(big, store=store, expect=1)
    assert "space" in done.err.lower() or "inode" in done.err.lower() or "full" in done.err.lower()
    assert not litekeep.backups("big", store)
    if before:
        oracle.same(small, before[0], formats=("parquet",))
    subprocess.run(["mount", "-o", "remount,size=512m,nr_inodes=5000", mount], check=True)
    litekeep.backup(small, big, store=store)
    assert litekeep.leftovers(store) == []
    oracle.same(big, litekeep.latest("big", store))


@pytest.mark.root
def test_a_read_only_store_is_our_failure_and_can_still_be_listed(litekeep, small, mounts):
    mount = mounts.tmpfs("disk", "size=16m")
    store = mount / "store"
    litekeep.backup(small, store=store)
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
    done = litekeep.backup(small, store=store, expect=1)
    assert "read-only" in done.err.lower()
    done = litekeep("list", "small", store=store)
    assert litekeep.backups("small", store)[0].name in done.out


@pytest.mark.root
def test_a_file_system_without_hard_links_and_modes_gets_whole_copies(litekeep, small, mounts):
    """exFAT: link() and chmod() fail; said at most once, and the backup is complete."""
    tool("mount.exfat-fuse")
    image = mounts.image("exfat", 64 << 20, "mkfs.exfat")
    target = mounts.folder / "exfat"
    target.mkdir()
    device = mounts.loop(image)
    subprocess.run(["mount.exfat-fuse", device, target], check=True, capture_output=True)
    mounts.stack.callback(subprocess.run, ["umount", "-l", target], check=False, capture_output=True)
    store = target / "store"
    litekeep.backup(small, store=store)
    done = litekeep.backup(small, store=store)
    assert done.err.lower().count("hard link") <= 1, "said once"
    for folder in litekeep.backups("small", store):
        oracle.same(small, folder)
    assert len(litekeep.backups("small", store)) == 2
    assert litekeep.leftovers(store) == []


@pytest.mark.root
@pytest.mark.parametrize("kind", ["mkfs.btrfs", "mkfs.ext4"])
def test_a_source_on_another_file_system(litekeep, yardstick, mounts, kind):
    """btrfs can clone; the store is elsewhere, so links and renames never cross."""
    image = mounts.image("disk", 512 << 20, kind, "-q")
    mount = mounts.mount("disk", "-o", "loop", image)
    path = mount / "posts.db"
    shutil.copyfile(yardstick, path)
    for how in ("auto", "copy"):
        litekeep.backup("--snapshot", how, "--tmp", mount, path)
        oracle.same(path, litekeep.latest("posts"), formats=("parquet",))
    assert sorted(os.listdir(mount)) in (["lost+found", "posts.db"], ["posts.db"])


def test_two_runs_at_once_are_serialised_or_one_says_locked(litekeep, yardstick, tmp_path):
    own = tmp_path / "posts.db"
    shutil.copyfile(yardstick, own)
    litekeep.backup(own)
    processes = [litekeep.start("backup", own) for _ in range(4)]
    results = [litekeep.finish(process) for process in processes]
    assert all(done.status in (0, 11) for done in results), results
    assert any(done.status == 0 for done in results)
    done_well = sum(done.status == 0 for done in results)
    assert len(litekeep.backups("posts")) == 1 + done_well
    for folder in litekeep.backups("posts"):
        oracle.check_files(oracle.Backup(folder))
    assert litekeep.leftovers() == []


def test_a_lock_dies_with_its_process(litekeep, small):
    litekeep.backup(small)
    process = litekeep.start("backup", small)
    time.sleep(0.01)
    process.kill()
    process.wait()
    litekeep.backup(small)


def test_two_processes_make_one_store(litekeep, tmp_path):
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"d{number}.db")
        make_small(paths[-1])
    results = [litekeep.finish(p) for p in [litekeep.start("backup", "--init", path) for path in paths]]
    assert [done.status for done in results] == [0, 0, 0, 0], results
    assert litekeep.databases() == ["d0", "d1", "d2", "d3"]


def test_a_database_that_moved_continues_its_history_when_adopted(litekeep, small, tmp_path):
    litekeep.backup(small)
    moved = tmp_path / "elsewhere" / "renamed.db"
    moved.parent.mkdir()
    small.rename(moved)
    litekeep("adopt", "small", moved)
    litekeep.backup(moved)
    assert litekeep.databases() == ["small"]
    assert len(litekeep.backups("small")) == 2
    source = json.loads((litekeep.store / "small" / "source.json").read_text())
    text = json.dumps(source)
    assert str(moved) in text and str(small) in text, "all paths it was known by"


def test_adopting_what_another_database_is_is_refused(litekeep, small, tmp_path):
    other = tmp_path / "data" / "other.db"
    make_small(other)
    litekeep.backup(small, other)
    litekeep("adopt", "small", other, expect=6)
    litekeep("adopt", "nothing", other, expect=10)
    litekeep("adopt", "small", expect=2)


def test_a_name_never_merges_two_databases(litekeep, small, tmp_path):
    other = tmp_path / "data" / "other.db"
    make_small(other, rows=5)
    litekeep.backup("--name", "chosen", small)
    assert litekeep.databases() == ["chosen"]
    litekeep.backup("--name", "chosen", other, expect=None)
    for folder in litekeep.backups("chosen"):
        assert oracle.Backup(folder).tables["post"]["rows"] == 300


def test_no_file_of_a_source_is_ever_linked_into_the_store(litekeep, small):
    litekeep.backup("--format", "parquet,json,sqlite", small)
    assert small.stat().st_nlink == 1
    inodes = {p.stat().st_ino for p in litekeep.store.rglob("*")}
    assert small.stat().st_ino not in inodes


def test_a_part_of_an_earlier_backup_that_was_damaged_is_written_anew(litekeep, small):
    litekeep.backup(small)
    first = litekeep.latest()
    victim = next((first / "parquet").rglob("post.parquet"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(data)
    victim.chmod(0o400)
    litekeep.backup(small, expect=None)
    oracle.same(small, litekeep.latest())
    assert litekeep.latest() != first


def test_a_store_that_a_newer_litekeep_made_is_not_touched(litekeep, small):
    litekeep.backup(small)
    mark = litekeep.store / "litekeep-store.json"
    content = json.loads(mark.read_text())
    content["format"] = 99
    mark.chmod(0o600)
    mark.write_text(json.dumps(content))
    before = sorted(p for p in litekeep.store.rglob("*"))
    litekeep.backup(small, expect=(1, 3, 5, 6))
    assert sorted(p for p in litekeep.store.rglob("*")) == before


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format":1}', '{"format":"1","uuid":5}', "\0" * 100, '{"format":1,"uuid":"' + "x" * 100000 + '"}'])
def test_a_damaged_mark_is_reported_and_not_replaced(litekeep, small, content):
    litekeep.backup(small)
    mark = litekeep.store / "litekeep-store.json"
    mark.chmod(0o600)
    mark.write_text(content)
    litekeep.backup(small, expect=(1, 3, 5))
    assert mark.read_text() == content


def test_links_inside_a_store_are_not_followed(litekeep, small, tmp_path):
    """Someone who may write in the store's parent must not make us write elsewhere."""
    litekeep.backup(small)
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = litekeep.store / "small"
    folder.rename(tmp_path / "moved")
    folder.symlink_to(outside)
    litekeep.backup(small, expect=None)
    assert os.listdir(outside) == []


@pytest.mark.parametrize("offset", ["-400d", "+400d"])
def test_a_clock_that_jumps_hides_no_backup(litekeep, small, offset):
    litekeep.backup(small)
    litekeep.backup(small, before=[tool("faketime"), "-f", offset])
    litekeep.backup(small)
    found = litekeep.backups("small")
    assert [json.loads((p / "manifest.json").read_text())["seq"] for p in found] == [1, 2, 3]
    names = [p.name for p in found]
    assert names != sorted(names), "the clock did jump"
    out = litekeep("list", "small").out
    assert all(name in out for name in names)
    assert names[-1] in litekeep("show", "small").out


def test_if_older_than_takes_no_backup_too_early(litekeep, small):
    litekeep.backup("--if-older-than", "8h", small)
    litekeep.backup("--if-older-than", "8h", small)
    assert len(litekeep.backups("small")) == 1
    litekeep.backup("--if-older-than", "8h", small, before=[tool("faketime"), "-f", "+9h"])
    assert len(litekeep.backups("small")) == 2


def test_a_dry_run_writes_nothing(litekeep, small):
    litekeep.backup(small)
    before = {p: p.stat().st_mtime_ns for p in litekeep.store.rglob("*")}
    make_small(small.parent / "new.db")
    planned = litekeep.backup("--dry-run", small.parent).out
    assert "small.db" in planned and "new.db" in planned and "(null)" not in planned
    assert {p: p.stat().st_mtime_ns for p in litekeep.store.rglob("*")} == before


def test_tags_are_kept(litekeep, small):
    litekeep.backup("--tag", "before migration", small)
    assert oracle.Backup(litekeep.latest()).manifest["tags"] == ["before migration"]


def test_a_list_of_all_databases_says_what_is_known_and_null_for_the_rest(litekeep, small):
    litekeep.backup(small)
    litekeep.backup(small, "--no-verify", "--rebuild")
    def listed(*words):
        (database,) = litekeep("list", *words, "--json").json()["databases"]
        return [(b["verified"], b["source_bytes"]) for b in database["backups"]]
    size = small.stat().st_size
    assert listed() == listed("small") == [(True, size), (False, size)]
    journal = litekeep.store / "small" / "events.jsonl"
    journal.write_text(journal.read_text().replace('"verified":true,', "").replace('"verified":false,', ""))  # as it was
    assert listed() == [(None, size), (None, size)] and listed("small") == [(True, size), (False, size)]


def test_hints_below_a_list_are_commands_that_can_be_typed(litekeep, small):
    litekeep.backup(small)
    (only,) = [p.name for p in litekeep.backups("small")]
    assert litekeep("list", "small").out.splitlines()[-1] == f"litekeep --store {litekeep.store} show small shows it."
    assert only not in litekeep("list", "small").out.splitlines()[-1]
    litekeep.backup(small)
    last = litekeep("list", "small").out.splitlines()[-1]
    assert last.endswith(f", litekeep --store {litekeep.store} show small@{only} another.")


def test_backups_of_the_original_script_are_listed(litekeep, small):
    litekeep.backup(small)
    old = litekeep.store / "small" / "2024-05-29-09:14:42"
    (old / "parquet").mkdir(parents=True)
    (old / "json").mkdir()
    import pandas
    frame = pandas.DataFrame({"id": [1, 2], "text": ["a", None]})
    frame.to_parquet(old / "parquet" / "post.parquet", compression="gzip")
    frame.to_json(old / "json" / "post.json.gz", orient="records", lines=True)
    out = litekeep("list", "small").out
    assert "2024-05-29" in out


@pytest.mark.sanitized
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing_half_made(litekeep, yardstick, tmp_path, number):
    own = tmp_path / "posts.db"
    shutil.copyfile(yardstick, own)
    before = own.read_bytes()
    interrupted = 0
    for delay in (0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.4):
        process = litekeep.start("backup", "--init", own)
        time.sleep(delay)
        process.send_signal(number)
        done = litekeep.finish(process, timeout=30)
        # Before the program has set itself up it may die of the signal, as any other would.
        assert done.status in (0, 130) or (done.status == -number and not done.out), repr(done)
        if done.status == 130:
            interrupted += 1
            if (litekeep.store / "posts").exists():
                assert litekeep.leftovers() == []
    assert interrupted
    assert own.read_bytes() == before
    for folder in litekeep.backups("posts") if (litekeep.store / "posts").exists() else []:
        oracle.check_files(oracle.Backup(folder))
    litekeep.backup(own)


def test_the_leftovers_of_a_killed_run_are_removed_by_the_next(litekeep, yardstick, tmp_path):
    own = tmp_path / "posts.db"
    shutil.copyfile(yardstick, own)
    litekeep.backup(own)
    found = False
    for delay in (0.05, 0.1, 0.15, 0.2, 0.3):
        process = litekeep.start("backup", own)
        time.sleep(delay)
        process.kill()
        process.communicate()
        found = found or bool(litekeep.leftovers())
        for folder in litekeep.backups("posts"):
            oracle.check_files(oracle.Backup(folder))
    assert found, "no run was killed in time"
    litekeep.backup(own)
    assert litekeep.leftovers() == []
    oracle.same(own, litekeep.latest(), formats=("parquet",))


def test_a_thousand_tables_and_two_hundred_databases(litekeep, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(200):
        db = sqlite3.connect(folder / f"d{number}.db")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE t (x)")
        db.execute("INSERT INTO t VALUES (?)", [number])
        db.commit()
        db.close()
    db = sqlite3.connect(folder / "tables.db")
    db.execute("PRAGMA synchronous = OFF")
    with db:
        for number in range(1000):
            db.execute(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, x TEXT)")
            db.execute(f"INSERT INTO t{number} VALUES (1, 'x')")
    db.close()
    litekeep.backup(folder)
    assert len(litekeep.databases()) == 201
    oracle.same(folder / "tables.db", litekeep.latest("tables"))
