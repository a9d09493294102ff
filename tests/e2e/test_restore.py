"""What restore makes is the same database (same.py), and what was there is never endangered."""
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

import awkward
from conftest import make_small, snapshot_bytes, wait_for
from same import Different, same, sound
from test_roundtrip import AWKWARD, CORPUS, SLOW

FORMATS = ("parquet", "json", "sqlite")


def beside(path):
    """What lies beside a database."""
    return [suffix for suffix in ("-wal", "-shm", "-journal") if os.path.lexists(f"{path}{suffix}")]


def names(folder):
    return sorted(p.name for p in pathlib.Path(folder).iterdir())


def rows(path, sql):
    db = sqlite3.connect(path)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def change(path, sql):
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.commit()
    db.close()


def other(path, code):
    """Another program that has the database open: runs `code` with `db`, says "ready", and waits for a word."""
    script = f"import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0.1)\n{code}\nprint('ready', flush=True)\n"
    script += "for line in sys.stdin:\n  try:\n    db.execute(line); print('done', flush=True)\n  except sqlite3.Error as e:\n    print(e, flush=True)\n"
    process = subprocess.Popen([sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def say(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def end(process):
    process.kill()
    process.communicate()


# The same database.

def check_each_format(litekeep, source, tmp_path, hidden=False):
    """`hidden`: its table named_all has columns of all the names of the rowid, which only the page copy can bring."""
    litekeep.backup("--format", "parquet,json,sqlite", source)
    (database,) = litekeep.databases()
    # Values that predate a change of their column's type are no damage, but integrity_check names them.
    whole = pathlib.Path(source).name != "affinity.db"
    for form in FORMATS:
        target = tmp_path / f"from {form}.db"
        lost = ["named_all"] if hidden and form != "sqlite" else []
        done = litekeep("restore", database, "--to", target, "--from", form, "--check", "full", "--json", expect=3 if lost else 0).json()
        assert done["from"] == form and done["previous"] is None
        assert len(done["left_out"]) == len(lost) and all(name in sentence for name, sentence in zip(lost, done["left_out"]))
        same(source, target)
        if whole:
            sound(target)
        assert beside(target) == []
        assert target.stat().st_size == done["bytes"]


@pytest.mark.sanitized
@pytest.mark.parametrize("name", CORPUS)
def test_a_database_of_the_corpus_comes_back_from_each_format(litekeep, corpus, tmp_path, name):
    check_each_format(litekeep, corpus / "sqlite" / name, tmp_path)


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in SLOW else [pytest.mark.sanitized]) for n in AWKWARD])
def test_an_awkward_database_comes_back_from_each_format(litekeep, awkward_folder, tmp_path, name):
    check_each_format(litekeep, awkward_folder / name, tmp_path, hidden=name in ("keys.db", "page512.db", "page65536.db", "no extension"))


def test_the_best_format_is_chosen_and_named(litekeep, small, tmp_path):
    litekeep.backup("--format", "json", small)
    assert litekeep("restore", "small", "--to", tmp_path / "a.db", "--json").json()["from"] == "json"
    litekeep.backup("--format", "parquet,json", small)
    assert litekeep("restore", "small", "--to", tmp_path / "b.db", "--json").json()["from"] == "parquet"
    litekeep.backup("--format", "sqlite", small)
    assert litekeep("restore", "small", "--to", tmp_path / "c.db", "--json").json()["from"] == "sqlite"
    for target in "abc":
        same(small, tmp_path / f"{target}.db")
    done = litekeep("restore", "small@latest~2", "--to", tmp_path / "d.db", "--from", "parquet", expect=3)
    assert "parquet" in done.err and not (tmp_path / "d.db").exists()


def test_the_store_alone_is_enough(litekeep, small, tmp_path):
    litekeep.backup(small)
    kept = tmp_path / "kept.db"
    small.rename(kept)
    small.parent.rmdir()
    store = tmp_path / "carried away"
    litekeep.store.rename(store)
    empty = tmp_path / "empty"
    empty.mkdir()
    litekeep("restore", "small", "--to", tmp_path / "back.db", store=store, env={"HOME": str(empty)})
    same(kept, tmp_path / "back.db")
    assert names(empty) == []


def test_any_backup_may_be_named_by_the_path_of_its_source(litekeep, small, tmp_path):
    shutil.copyfile(small, tmp_path / "before.db")
    litekeep.backup(small)
    change(small, "DELETE FROM post")
    litekeep.backup(small, expect=4)
    litekeep("restore", f"{small}@latest~1", "--to", tmp_path / "back.db")
    same(tmp_path / "before.db", tmp_path / "back.db")


@pytest.mark.parametrize("name", ["with space.db", "new\nline \x1b[31m.db", "-rf.db", "é.db", "no extension"])
def test_a_target_may_have_any_name(litekeep, small, tmp_path, name):
    litekeep.backup(small)
    litekeep("restore", "small", f"--to={tmp_path / name}")
    same(small, tmp_path / name)


# One table.

def test_a_table_alone_makes_a_database(litekeep, small, tmp_path):
    change(small, "CREATE INDEX likes ON post (likes); CREATE TRIGGER t AFTER INSERT ON post BEGIN SELECT 1; END; CREATE VIEW v AS SELECT 1")
    litekeep.backup(small)
    done = litekeep("restore", "small", "--to", tmp_path / "one.db", "--table", "post", "--json").json()
    assert [(t["name"], t["rows"], t["replaced"]) for t in done["tables"]] == [("post", 300, False)]
    same(small, tmp_path / "one.db", tables=["post"], schema=False)
    assert rows(tmp_path / "one.db", "SELECT type, name FROM sqlite_schema ORDER BY 1, 2") == [("index", "likes"), ("table", "post"), ("trigger", "t")]
    sound(tmp_path / "one.db")


def test_an_unknown_table_is_not_found_and_a_near_one_named(litekeep, small, tmp_path):
    litekeep.backup(small)
    done = litekeep("restore", "small", "--to", tmp_path / "one.db", "--table", "posts", expect=10)
    assert "posts" in done.err and "post" in done.err.replace("posts", "")
    assert not (tmp_path / "one.db").exists()


@pytest.mark.sanitized
def test_a_table_goes_into_a_database_that_is_in_use(litekeep, small, tmp_path):
    litekeep.backup(small)
    live = tmp_path / "live.db"
    change(live, "PRAGMA journal_mode = WAL; CREATE TABLE own (a); INSERT INTO own VALUES (1)")
    reader = other(live, "db.execute('SELECT * FROM own').fetchall()")
    litekeep("restore", "small", "--into", live, "--table", "post", "--table", "kind")
    assert say(reader, "INSERT INTO own SELECT count(*) FROM post") == "done"
    end(reader)
    same(small, live, tables=["post", "kind"], schema=False)
    assert rows(live, "SELECT a FROM own") == [(1,), (300,)]
    sound(live)
    assert litekeep.databases() == ["small"], "nothing was replaced, so nothing was to be backed up"


@pytest.mark.sanitized
def test_a_table_that_is_there_is_replaced_only_with_force_and_after_a_backup(litekeep, small, tmp_path):
    litekeep.backup(small)
    live = tmp_path / "live.db"
    change(live, "CREATE TABLE own (a); CREATE TABLE POST (old); INSERT INTO post VALUES ('gone'); CREATE INDEX o ON post (old)")
    before = tmp_path / "before.db"
    shutil.copyfile(live, before)
    done = litekeep("restore", "small", "--into", live, "--table", "post", expect=6)
    assert "post" in done.err and "--force" in done.err
    same(before, live)
    dry = litekeep("restore", "small", "--into", live, "--table", "post", "--force", "--dry-run", "--json").json()
    assert dry["tables"][0]["replaced"] and dry["previous"] is None
    same(before, live)
    done = litekeep("restore", "small", "--into", live, "--table", "post", "--force", "--json").json()
    assert done["tables"][0]["replaced"] is True
    same(small, live, tables=["post"], schema=False)
    assert rows(live, "SELECT name FROM sqlite_schema WHERE name = 'o'") == []
    sound(live)
    litekeep("restore", done["previous"], "--to", tmp_path / "previous.db")
    same(before, tmp_path / "previous.db")


def test_rows_that_are_written_after_the_backup_are_backed_up_before_their_table_is_replaced(litekeep, small, tmp_path):
    litekeep.backup(small)
    target = tmp_path / "live.db"
    make_small(target, rows=10, wal=True)
    writer = other(target, "db.execute('BEGIN IMMEDIATE'); db.execute(\"INSERT INTO post(id, text) VALUES (9999, 'late')\")")
    process = litekeep.start("restore", "small", "--into", target, "--table", "post", "--force", "--json")
    wait_for(lambda: "live" in litekeep.databases() and litekeep.backups("live"), what="the backup of what is there")
    assert say(writer, "COMMIT") == "done"
    done = litekeep.finish(process)
    end(writer)
    assert done.status == 0, done
    same(small, target, tables=["post"], schema=False)
    litekeep("restore", done.json()["previous"], "--to", tmp_path / "previous.db")
    assert rows(tmp_path / "previous.db", "SELECT text FROM post WHERE id = 9999") == [("late",)]


def test_a_table_does_not_go_into_a_database_that_is_locked_or_of_another_encoding(litekeep, small, tmp_path):
    litekeep.backup(small)
    live = tmp_path / "live.db"
    change(live, "CREATE TABLE own (a)")
    before = snapshot_bytes(live)
    writer = other(live, "db.execute('BEGIN IMMEDIATE')")
    done = litekeep("restore", "small", "--into", live, "--table", "post", expect=6)
    assert "lock" in done.err and str(live) in done.err
    end(writer)
    assert snapshot_bytes(live) == before
    utf16 = tmp_path / "utf16.db"
    change(utf16, "PRAGMA encoding = 'UTF-16le'; CREATE TABLE own (a)")
    done = litekeep("restore", "small", "--into", utf16, "--table", "post", expect=6)
    assert "UTF-16le" in done.err
    assert rows(utf16, "SELECT name FROM sqlite_schema") == [("own",)]


def test_a_virtual_table_brings_its_shadow_tables(litekeep, tmp_path):
    source = tmp_path / "notes.db"
    change(source, """CREATE VIRTUAL TABLE note USING fts5 (body); INSERT INTO note VALUES ('a quick fox'), ('a slow cow');
                      CREATE VIRTUAL TABLE box USING rtree (id, x0, x1); INSERT INTO box VALUES (1, 2, 3); CREATE TABLE plain (a)""")
    litekeep.backup(source)
    litekeep("restore", "notes", "--to", tmp_path / "new.db", "--table", "note")
    live = tmp_path / "live.db"
    change(live, "CREATE TABLE own (a)")
    litekeep("restore", "notes", "--into", live, "--table", "note", "--table", "box")
    for target in (tmp_path / "new.db", live):
        assert rows(target, "SELECT body FROM note WHERE note MATCH 'quick'") == [("a quick fox",)]
        sound(target)
    assert rows(live, "SELECT id FROM box WHERE x0 < 5") == [(1,)]
    change(live, "DELETE FROM note; INSERT INTO note VALUES ('something else')")
    litekeep("restore", "notes", "--into", live, "--table", "note", "--force")
    assert rows(live, "SELECT body FROM note WHERE note MATCH 'cow'") == [("a slow cow",)]
    change(live, "INSERT INTO note VALUES ('one more')")
    assert rows(live, "SELECT count(*) FROM note") == [(3,)]


@pytest.mark.parametrize("into", [False, True])
def test_autoincrement_goes_on_where_it_was(litekeep, tmp_path, into):
    source = tmp_path / "auto.db"
    change(source, """CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, v); CREATE TABLE b (id INTEGER PRIMARY KEY AUTOINCREMENT);
                      INSERT INTO a (v) VALUES (1), (2), (3); DELETE FROM a WHERE id = 3; INSERT INTO b DEFAULT VALUES""")
    litekeep.backup(source)
    target = tmp_path / "target.db"
    if into:
        change(target, "CREATE TABLE c (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO c VALUES (70)")
    litekeep("restore", "auto", "--into" if into else "--to", target, "--table", "a")
    change(target, "INSERT INTO a (v) VALUES (4)")
    assert rows(target, "SELECT id FROM a") == [(1,), (2,), (4,)]
    assert sorted(rows(target, "SELECT * FROM sqlite_sequence")) == [("a", 4), ("c", 70)] if into else [("a", 4)]


# What is there already.

@pytest.mark.sanitized
def test_an_existing_file_is_refused(litekeep, small, tmp_path):
    litekeep.backup(small)
    target = tmp_path / "old.db"
    target.write_bytes(b"anything")
    done = litekeep("restore", "small", "--to", target, expect=6)
    assert "--force" in done.err and target.read_bytes() == b"anything"


@pytest.mark.sanitized
@pytest.mark.parametrize("mode", ["DELETE", "WAL", "PERSIST", "TRUNCATE"])
def test_with_force_the_old_database_is_replaced_and_in_the_store(litekeep, small, tmp_path, mode):
    litekeep.backup(small)
    target = tmp_path / "old.db"
    change(target, f"PRAGMA journal_mode = {mode}; CREATE TABLE old (a); INSERT INTO old VALUES (1), (2)")
    target.chmod(0o640)
    before = tmp_path / "before.db"
    shutil.copyfile(target, before)
    done = litekeep("restore", "small", "--to", target, "--force", "--json").json()
    same(small, target)
    assert beside(target) == [] and target.stat().st_mode & 0o777 == 0o640
    assert done["previous"].startswith("old@") and done["notes"] == []
    litekeep("restore", done["previous"], "--to", tmp_path / "again.db")
    same(before, tmp_path / "again.db")
    assert names(tmp_path) == ["again.db", "before.db", "data", "home", "old.db"]


def test_the_original_is_brought_back_in_its_place(litekeep, small, tmp_path):
    before = tmp_path / "before.db"
    shutil.copyfile(small, before)
    litekeep.backup(small)
    change(small, "DELETE FROM post WHERE id > 5")
    done = litekeep("restore", "small", "--to", small, "--force", "--json").json()
    same(before, small)
    assert done["previous"].startswith("small@")
    litekeep("restore", "small", "--to", tmp_path / "cut.db")
    assert rows(tmp_path / "cut.db", "SELECT count(*) FROM post") == [(5,)]
    litekeep.backup(small)
    litekeep("restore", "small", "--to", tmp_path / "whole.db")
    same(before, tmp_path / "whole.db")


def test_what_is_in_the_wal_of_the_old_database_is_backed_up_and_never_meets_the_new_one(litekeep, small, tmp_path):
    litekeep.backup(small)
    target = tmp_path / "old.db"
    change(target, "PRAGMA journal_mode = WAL; CREATE TABLE old (a)")
    dead = other(target, "db.execute('INSERT INTO old VALUES (42)')")
    end(dead)
    assert (tmp_path / "old.db-wal").stat().st_size > 0
    done = litekeep("restore", "small", "--to", target, "--force", "--json").json()
    same(small, target)
    assert beside(target) == []
    litekeep("restore", done["previous"], "--to", tmp_path / "again.db")
    assert rows(tmp_path / "again.db", "SELECT a FROM old") == [(42,)]


def test_a_hot_journal_of_the_old_database_is_rolled_back_and_never_meets_the_new_one(litekeep, small, tmp_path):
    litekeep.backup(small)
    target = tmp_path / "old.db"
    make_small(target, rows=3000)
    dead = other(target, "db.execute('PRAGMA cache_size = 5'); db.execute('BEGIN'); db.execute(\"UPDATE post SET text = 'half done'\")")
    end(dead)
    assert (tmp_path / "old.db-journal").stat().st_size > 512
    done = litekeep("restore", "small", "--to", target, "--force", "--json").json()
    same(small, target)
    assert beside(target) == []
    litekeep("restore", done["previous"], "--to", tmp_path / "again.db")
    assert rows(tmp_path / "again.db", "SELECT count(*) FROM post WHERE text = 'half done'") == [(0,)]


@pytest.mark.parametrize("code", ["db.execute('BEGIN IMMEDIATE')", "db.execute('BEGIN'); db.execute('SELECT * FROM post').fetchone()",
                                  "db.execute('PRAGMA journal_mode = WAL'); db.execute('SELECT * FROM post').fetchone()"], ids=["writer", "reader", "wal"])
def test_a_database_in_use_is_refused_and_its_user_named(litekeep, small, tmp_path, code):
    litekeep.backup(small)
    target = tmp_path / "old.db"
    make_small(target, rows=10)
    user = other(target, code)
    before = snapshot_bytes(target)
    done = litekeep("restore", "small", "--to", target, "--force", expect=6)
    assert f"(process {user.pid})" in done.err, done
    assert snapshot_bytes(target) == before
    end(user)
    assert not [name for name in names(tmp_path) if name.startswith("litekeep-tmp")]
    assert litekeep.databases() == ["small"], "the old one was backed up for nothing"


@pytest.mark.parametrize("code, wal", [("db.execute('SELECT * FROM post').fetchall()", False), ("pass", True)], ids=["idle", "just opened"])
def test_a_database_that_a_program_has_open_without_a_lock_is_refused(litekeep, small, tmp_path, code, wal):
    litekeep.backup(small)
    target = tmp_path / "old.db"
    make_small(target, rows=10, wal=wal)
    idle = other(target, code)
    done = litekeep("restore", "small", "--to", target, "--force", expect=6)
    assert f"(process {idle.pid}) has it open" in done.err, done
    assert say(idle, "INSERT INTO kind VALUES ('kept', 1)") == "done"
    end(idle)
    assert rows(target, "SELECT n FROM kind WHERE name = 'kept'") == [(1,)]
    litekeep("restore", "small", "--to", target, "--force")
    same(small, target)
    assert beside(target) == []


@pytest.mark.parametrize("suffix", ["-wal", "-journal", "-shm"])
def test_a_stray_file_beside_no_database_is_refused(litekeep, small, tmp_path, suffix):
    litekeep.backup(small)
    target = tmp_path / "new.db"
    stray = tmp_path / f"new.db{suffix}"
    stray.write_bytes(b"x" * 5000)
    done = litekeep("restore", "small", "--to", target, expect=6)
    assert stray.name in done.err and stray.exists() and not target.exists()
    litekeep("restore", "small", "--to", target, "--force")
    same(small, target)
    assert beside(target) == []


@pytest.mark.parametrize("content", [b"", b"no database at all\n" * 100, b"SQLite format 3\0" + b"\xa5" * 8000], ids=["empty", "text", "damaged"])
def test_what_cannot_be_backed_up_is_not_replaced(litekeep, small, tmp_path, content):
    litekeep.backup(small)
    target = tmp_path / "old.db"
    target.write_bytes(content)
    if content == b"":
        litekeep("restore", "small", "--to", target, "--force")
        same(small, target)
        return
    done = litekeep("restore", "small", "--to", target, "--force", expect=6)
    assert "move" in done.err and str(target) in done.err
    assert target.read_bytes() == content
    assert litekeep.databases() == ["small"]


def test_an_encrypted_database_is_not_replaced(litekeep, small, corpus, tmp_path):
    litekeep.backup(small)
    target = tmp_path / "old.db"
    shutil.copyfile(corpus / "sqlite" / "encrypted-aegis.db3", target)
    before = target.read_bytes()
    litekeep("restore", "small", "--to", target, "--force", expect=6)
    assert target.read_bytes() == before


def test_a_target_that_cannot_be_is_refused_with_the_reason(litekeep, small, tmp_path):
    litekeep.backup(small)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("nothing")
    for target, status in ((tmp_path / "folder", 6), (tmp_path / "fifo", 6), (tmp_path / "dangling", 6), (tmp_path / "none" / "new.db", 10),
                           (litekeep.store / "new.db", 6), (litekeep.store / "small" / "new.db", 6)):
        done = litekeep("restore", "small", "--to", target, "--force", expect=status)
        assert str(target) in done.err or str(target.parent) in done.err
    done = litekeep("restore", "small", "--into", tmp_path / "none.db", "--table", "post", expect=10)
    assert "none.db" in done.err
    assert not (litekeep.store / "new.db").exists()


@pytest.mark.root
def test_a_read_only_place_is_said(litekeep, small, mounts):
    litekeep.backup(small)
    place = mounts.tmpfs("place", "size=4m")
    shutil.copyfile(small, place / "old.db")
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    for target, options, status in (("new.db", (), 1), ("old.db", ("--force",), 6)):
        done = litekeep("restore", "small", "--to", place / target, *options, expect=status)
        assert "Read-only file system" in done.err and str(place) in done.err


@pytest.mark.root
def test_room_is_asked_for_before_anything_is_made(litekeep, yardstick, mounts):
    litekeep.backup(yardstick)
    place = mounts.tmpfs("place", "size=20m")
    done = litekeep("restore", "posts", "--to", place / "new.db", expect=1)
    assert "are free" in done.err and names(place) == []


@pytest.mark.root
def test_a_store_that_cannot_be_written_still_gives_its_backups(litekeep, small, mounts, tmp_path):
    litekeep.store = mounts.tmpfs("disk", "size=8m")
    litekeep.backup(small)
    subprocess.run(["mount", "-o", "remount,ro", str(litekeep.store)], check=True)
    target = tmp_path / "new.db"
    litekeep("restore", "small", "--to", target)
    same(small, target)
    change(target, "DELETE FROM post")
    done = litekeep("restore", "small", "--to", target, "--force", expect=6)
    assert "could not be backed up" in done.err and rows(target, "SELECT count(*) FROM post") == [(0,)]


def test_what_is_written_to_the_old_database_meanwhile_is_backed_up_too(litekeep, yardstick, tmp_path):
    litekeep.backup(yardstick)
    place = tmp_path / "place"
    place.mkdir()
    target = place / "old.db"
    make_small(target, rows=10)
    process = litekeep.start("restore", "posts", "--to", target, "--force", "--json")
    wait_for(lambda: any(place.glob("litekeep-tmp-*/*")), what="the folder in which it is built")
    process.send_signal(signal.SIGSTOP)
    change(target, "INSERT INTO kind VALUES ('late', 7)")
    process.send_signal(signal.SIGCONT)
    done = litekeep.finish(process)
    assert done.status == 0, done
    same(yardstick, target)
    litekeep("restore", done.json()["previous"], "--to", tmp_path / "previous.db")
    assert rows(tmp_path / "previous.db", "SELECT n FROM kind WHERE name = 'late'") == [(7,)]
    assert len(litekeep.backups("old")) == 2


def test_a_link_is_followed_and_stays(litekeep, small, tmp_path):
    litekeep.backup(small)
    make_small(tmp_path / "old.db", rows=10)
    (tmp_path / "link.db").symlink_to("old.db")
    litekeep("restore", "small", "--to", tmp_path / "link.db", "--force")
    assert (tmp_path / "link.db").is_symlink()
    same(small, tmp_path / "old.db")


# What is said beforehand, and when nothing is to be done.

def test_a_dry_run_changes_nothing(litekeep, small, tmp_path):
    litekeep.backup(small)
    target = tmp_path / "old.db"
    make_small(target, rows=10, wal=True)
    before, backups = snapshot_bytes(target), names(litekeep.store)
    done = litekeep("restore", "small", "--to", target, "--dry-run", "--force", "--json").json()
    assert done["dry_run"] and done["rows"] == 303 and done["bytes"] == 0 and "backed up first" in done["notes"][0]
    litekeep("restore", "small", "--to", tmp_path / "new.db", "--dry-run")
    litekeep("restore", "small", "--to", target, "--dry-run", expect=6)
    litekeep("restore", "small", "--to", tmp_path / "new.db", "--dry-run", "--table", "none", expect=10)
    assert snapshot_bytes(target) == before and names(litekeep.store) == backups
    assert names(tmp_path) == ["data", "home", "old.db"]


def test_what_is_being_restored_is_no_database_yet(litekeep, small):
    folder = small.parent / "litekeep-tmp-abcdef"
    folder.mkdir()
    shutil.copyfile(small, folder / "restored.db")
    assert [found["path"] for found in litekeep("scan", small.parent, "--json").json()["found"]] == [str(small)]


def test_without_a_target_one_is_proposed(litekeep, small):
    litekeep.backup(small)
    (litekeep.home / "small-restored.db").touch()
    done = litekeep("restore", "small", expect=2)
    assert f"litekeep --store {litekeep.store} restore small --to small-restored-2.db" in done.err and str(small) in done.err
    for wrong in (["--to", "a.db", "--into", "b.db"], ["--into", "b.db"], ["--to", "a.db", "--from", "csv"], ["--to", "a.db", "--check", "some"]):
        litekeep("restore", "small", *wrong, expect=2)
    litekeep("restore", "nothing", "--to", "a.db", expect=10)
    litekeep("restore", "small@2001-01-01", "--to", "a.db", expect=10)


def test_an_interrupt_leaves_nothing(litekeep, yardstick, tmp_path):
    litekeep.backup(yardstick)
    folder = tmp_path / "place"
    folder.mkdir()
    new = folder / "new.db"
    for _ in range(20):  # on a busy machine it is sometimes done before it is stopped
        process = litekeep.start("restore", "posts", "--to", new)
        wait_for(lambda: new.exists() or any(folder.glob("litekeep-tmp-*/*")), what="the folder in which it is built")
        process.send_signal(signal.SIGINT)
        done = litekeep.finish(process)
        if done.status != 0:
            break
        new.unlink()
    assert done.status == 130 and names(folder) == [], done


# Damage, and what cannot be rebuilt.

def spoil(path):
    """Flip a byte in the middle of a finished file."""
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


@pytest.mark.sanitized
def test_what_is_damaged_in_parquet_comes_from_json_and_that_is_said(litekeep, small, tmp_path):
    litekeep.backup(small)
    spoil(litekeep.latest() / "parquet" / "post.parquet")
    done = litekeep("restore", "small", "--to", tmp_path / "back.db", "--json").json()
    same(small, tmp_path / "back.db")
    sources = {t["name"]: t["from"] for t in done["tables"]}
    assert sources == {"post": "json", "kind": "parquet"} and done["from"] == "parquet and json"
    assert any("post" in note for note in done["notes"])
    litekeep("restore", "small", "--to", tmp_path / "other.db", "--from", "parquet", expect=5)
    assert not (tmp_path / "other.db").exists()


@pytest.mark.sanitized
def test_where_every_format_is_damaged_nothing_is_made(litekeep, small, tmp_path):
    litekeep.backup(small)
    spoil(litekeep.latest() / "parquet" / "post.parquet")
    spoil(litekeep.latest() / "json" / "post.json.gz")
    target = tmp_path / "old.db"
    make_small(target, rows=10, wal=True)
    before = snapshot_bytes(target)
    done = litekeep("restore", "small", "--to", tmp_path / "new.db", expect=5)
    assert "post" in done.err
    litekeep("restore", "small", "--to", target, "--force", expect=5)
    assert snapshot_bytes(target) == before
    assert names(tmp_path) == ["data", "home", "old.db"]
    litekeep("restore", "small", "--to", tmp_path / "kind.db", "--table", "kind")


def make_foreign(path):
    """Needs a collation and a tokenizer that no other program has."""
    db = sqlite3.connect(path)
    db.create_collation("nat", lambda a, b: (a > b) - (a < b))
    db.executescript("""CREATE TABLE t (a TEXT COLLATE nat, b); CREATE INDEX t_a ON t (a); CREATE INDEX t_b ON t (b);
                        INSERT INTO t VALUES ('x', 1), ('y', 2); CREATE TABLE plain (a); INSERT INTO plain VALUES (1)""")
    db.close()


def test_what_cannot_be_rebuilt_here_is_named_or_comes_from_the_page_copy(litekeep, tmp_path):
    source = tmp_path / "foreign.db"
    make_foreign(source)
    litekeep.backup(source)
    done = litekeep("restore", "foreign", "--to", tmp_path / "whole.db", "--json").json()
    assert done["from"] == "sqlite" and done["left_out"] == []
    same(source, tmp_path / "whole.db", collations=["nat"])
    done = litekeep("restore", "foreign", "--to", tmp_path / "rows.db", "--from", "parquet", "--json", expect=3)
    (sentence,) = done.json()["left_out"]
    assert "t_a" in sentence and "nat" in sentence and "t_a" in done.err or done.json()["status"] == 3
    assert rows(tmp_path / "rows.db", "SELECT name FROM sqlite_schema WHERE type = 'index'") == [("t_b",)]
    same(source, tmp_path / "rows.db", collations=["nat"], tables=["t", "plain"], schema=False)


def test_same_would_notice(litekeep, small, tmp_path):
    litekeep.backup(small)
    litekeep("restore", "small", "--to", tmp_path / "back.db")
    change(tmp_path / "back.db", "UPDATE post SET score = 6 WHERE id = 35")
    with pytest.raises(Different):
        same(small, tmp_path / "back.db")
