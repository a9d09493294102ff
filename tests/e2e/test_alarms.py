"""What shrinks raises an alarm, once, and names the way back; what only changes raises none."""
import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from conftest import tool
from same import same


class Source:
    """One database that is backed up again and again."""

    def __init__(self, litekeep, folder):
        self.litekeep, self.folder = litekeep, folder
        self.path = folder / "posts.db"
        folder.mkdir(exist_ok=True)

    def sql(self, *statements, path=None, rows=None):
        db = sqlite3.connect(path or self.path)
        db.isolation_level = None
        for statement in statements:
            if rows is not None:
                db.execute("BEGIN")
                db.executemany(statement, rows)
                db.execute("COMMIT")
            else:
                db.execute(statement)
        db.close()

    def fill(self, count=1000, first=1):
        self.sql("CREATE TABLE IF NOT EXISTS posts(id INTEGER PRIMARY KEY, text TEXT, score REAL)")
        self.add(count, first)

    def add(self, count, first):
        self.sql("INSERT INTO posts VALUES(?, ?, ?)", rows=[(i, f"post {i}", i / 2) for i in range(first, first + count)])

    def count(self, table="posts"):
        db = sqlite3.connect(self.path)
        try:
            return db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        finally:
            db.close()

    def backup(self, expect=0, options=(), **more):
        return self.litekeep("backup", "--init", "--json", *options, self.folder, expect=expect, **more)

    def alarms(self, done, kind="alarm"):
        """The alarm events of a run."""
        return [e for e in done.json_lines() if e["type"] == kind]

    def journal(self, database="posts", kind=None):
        lines = (self.litekeep.store / database / "events.jsonl").read_text().splitlines()
        return [e for e in map(json.loads, lines) if kind is None or e["type"] == kind]

    def pinned(self, database="posts"):
        held = set()
        for event in self.journal(database):
            if event["type"] == "pin":
                held.add(event["id"])
            elif event["type"] == "unpin":
                held.discard(event["id"])
        return held

    def ids(self):
        return [p.name for p in self.litekeep.backups("posts")]


@pytest.fixture
def source(litekeep, tmp_path):
    return Source(litekeep, tmp_path / "data")


def config(litekeep, text):
    folder = litekeep.home / ".config" / "litekeep"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.ini"
    path.write_text(text)
    path.chmod(0o600)
    return path


def run_command(litekeep, command):
    """A command line as it was printed, in a shell that finds the program."""
    bin = litekeep.home / "bin"
    bin.mkdir(exist_ok=True)
    link = bin / "litekeep"
    if not link.exists():
        link.symlink_to(litekeep.program)
    env = litekeep.environment()
    env["PATH"] = f"{bin}:{env['PATH']}"
    return subprocess.run(["sh", "-c", command], env=env, cwd="/", capture_output=True, text=True, timeout=120)


def raises(source, kind, count=1):
    done = source.backup(expect=4)
    found = source.alarms(done)
    assert len(found) == count, done
    assert found[0]["kind"] == kind, done
    return found[0]


# ---- What raises none


def vacuum(s):
    s.sql("DELETE FROM posts WHERE id % 3 = 0", "VACUUM")


def half_deleted(s):
    s.sql("DELETE FROM posts WHERE id % 2 = 0")


def columns_added_and_dropped(s):
    s.sql("ALTER TABLE posts ADD COLUMN lang TEXT", "ALTER TABLE posts DROP COLUMN score")


def twelve_steps(s):
    s.sql("BEGIN", "CREATE TABLE new(id INTEGER PRIMARY KEY, text TEXT NOT NULL, score REAL, lang TEXT DEFAULT 'en')",
          "INSERT INTO new(id, text, score) SELECT id, text, score FROM posts", "DROP TABLE posts", "ALTER TABLE new RENAME TO posts", "COMMIT")


def renamed(s):
    s.sql("ALTER TABLE posts RENAME TO articles")


def renamed_and_changed(s):
    s.sql("ALTER TABLE posts RENAME TO articles", "ALTER TABLE articles ADD COLUMN lang", "DELETE FROM articles WHERE id < 100")


def same_content_copied_back(s):
    copy = s.folder.parent / "copy"
    shutil.copyfile(s.path, copy)
    os.replace(copy, s.path)


def vacuum_into_and_moved(s):
    s.sql("UPDATE posts SET score = 0 WHERE id = 5", "UPDATE posts SET score = 2.5 WHERE id = 5")
    s.sql(f"VACUUM INTO '{s.folder.parent / 'new'}'")
    os.replace(s.folder.parent / "new", s.path)


def dumped_and_read_back_with_new_rows(s):
    """Made anew as by .dump, with a change counter that begins at the beginning."""
    new = s.folder.parent / "new.db"
    s.sql(f"ATTACH '{s.path}' AS was", "CREATE TABLE posts(id INTEGER PRIMARY KEY, text TEXT, score REAL)", "INSERT INTO posts SELECT * FROM was.posts",
          "CREATE TABLE vacant(a)", "CREATE TABLE log(id INTEGER PRIMARY KEY AUTOINCREMENT, line)", "INSERT INTO log SELECT * FROM was.log",
          "CREATE VIRTUAL TABLE search USING fts5(body)", "INSERT INTO search(rowid, body) SELECT rowid, body FROM was.search",
          "INSERT INTO posts VALUES(9999, 'new', 1)", path=new)
    for suffix in ("-wal", "-shm"):
        s.path.with_name(s.path.name + suffix).unlink(missing_ok=True)
    os.replace(new, s.path)


def empty_table_dropped(s):
    s.sql("DROP TABLE vacant")


def statistics_cleared(s):
    s.sql("DROP INDEX by_text", "DELETE FROM sqlite_stat1")


def sequence_forgotten(s):
    s.sql("DELETE FROM sqlite_sequence")


def rows_moved_to_an_archive(s):
    s.sql("CREATE TABLE old(id INTEGER PRIMARY KEY, text TEXT, score REAL, year)", "INSERT INTO old SELECT id, text, score, 2025 FROM posts",
          "DROP TABLE posts")


def index_of_full_text_merged(s):
    s.sql("INSERT INTO search(search) VALUES('optimize')")


def a_state_cleared(s):
    s.sql("UPDATE posts SET score = NULL WHERE id < 5")


def nothing_but_new_rows(s):
    s.add(500, 5000)


HARMLESS = [vacuum, half_deleted, columns_added_and_dropped, twelve_steps, renamed, renamed_and_changed, same_content_copied_back,
            vacuum_into_and_moved, dumped_and_read_back_with_new_rows, empty_table_dropped, statistics_cleared, sequence_forgotten,
            rows_moved_to_an_archive, index_of_full_text_merged, a_state_cleared, nothing_but_new_rows]


@pytest.mark.parametrize("change", HARMLESS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("wal", [False, True], ids=["rollback", "wal"])
def test_what_only_changes_raises_no_alarm(source, change, wal):
    if wal:
        source.sql("PRAGMA journal_mode = WAL")
    source.fill()
    source.sql("CREATE TABLE vacant(a)", "CREATE TABLE log(id INTEGER PRIMARY KEY AUTOINCREMENT, line)", "INSERT INTO log(line) VALUES('x'), ('y')",
               "CREATE INDEX by_text ON posts(text)", "ANALYZE")
    source.sql("CREATE VIRTUAL TABLE search USING fts5(body)")
    source.sql("INSERT INTO search VALUES(?)", rows=[(f"word{i} text",) for i in range(200)])
    source.backup()
    source.sql("UPDATE posts SET score = score + 1 WHERE id = 7")
    source.backup()
    change(source)
    for _ in range(2):
        done = source.backup()
        assert source.alarms(done) == [], done
    assert source.journal(kind="alarm") == [] and source.pinned() == set()


def test_a_monthly_truncation_with_an_exception_in_the_config_raises_no_alarm(source, litekeep):
    config(litekeep, f"[litekeep]\n[{source.path}]\nalarm-rows posts = off\n")
    source.fill()
    source.sql("CREATE TABLE kept AS SELECT * FROM posts")
    source.backup()
    source.sql("DELETE FROM posts")
    source.backup()
    source.sql("DELETE FROM kept")
    assert raises(source, "empty")["table"] == "kept"


def test_thresholds_are_those_of_the_config(source, litekeep):
    config(litekeep, "[litekeep]\nalarm-rows = 10%\nalarm-rows log* = 100%\n")
    source.fill()
    source.sql("CREATE TABLE logs AS SELECT * FROM posts")
    source.backup()
    source.sql("DELETE FROM posts WHERE id <= 100", "DELETE FROM logs WHERE id > 1")
    source.backup()
    source.sql("DELETE FROM posts WHERE id <= 101")
    alarm = raises(source, "rows")
    assert (alarm["before"], alarm["now"]) == (1000, 899)


def test_a_source_that_moved_raises_no_alarm_and_is_said(source):
    source.fill()
    source.backup()
    (source.folder / "below").mkdir()
    os.rename(source.path, source.folder / "below" / "renamed.db")
    done = source.backup(expect=(0, 3))
    assert source.alarms(done) == [] and "moved" in done.err
    source.path = source.folder / "below" / "renamed.db"
    source.sql("DELETE FROM posts WHERE id > 900")
    done = source.backup()
    assert source.alarms(done) == [] and source.alarms(done, "open") == [], "and no run fails for it again"
    source.litekeep("status")


def test_a_database_whose_twin_lies_beside_it_did_not_move_there_when_it_is_gone(source):
    source.fill()
    for name in "abc":
        shutil.copyfile(source.path, source.folder / f"{name}.db")
    source.backup()
    (source.folder / "a.db").unlink()
    assert raises(source, "gone")["path"] == str(source.folder / "a.db")


def test_a_partial_backup_misses_no_table(source):
    source.fill()
    source.sql("CREATE TABLE other AS SELECT * FROM posts", "CREATE TABLE third(a)")
    source.backup()
    assert source.alarms(source.backup(options=["--table", "posts"])) == []
    assert source.alarms(source.backup()) == []
    source.sql("DROP TABLE other")
    done = source.backup(options=["--table", "posts"], expect=4)
    assert [e["table"] for e in source.alarms(done)] == ["other"], "it was not left out: it is gone"
    assert source.alarms(source.backup()) == []


# ---- What raises one


def test_ninety_nine_rows_gone_to_none(source):
    source.fill(99)
    source.backup()
    source.sql("DELETE FROM posts")
    alarm = raises(source, "empty")
    assert (alarm["before"], alarm["now"], alarm["good"]) == (99, 0, source.ids()[0])


def test_forty_percent_and_again_forty_percent(source):
    source.fill()
    source.backup()
    source.sql("DELETE FROM posts WHERE id <= 400")
    source.backup()
    source.sql("DELETE FROM posts WHERE id <= 640")
    alarm = raises(source, "rows")
    assert (alarm["before"], alarm["now"], alarm["good"]) == (1000, 360, source.ids()[0])
    assert source.pinned() == set(source.ids()[:2])


def test_a_column_set_to_null(source):
    source.fill()
    source.backup()
    source.sql("UPDATE posts SET text = NULL WHERE id > 100")
    alarm = raises(source, "values")
    assert (alarm["table"], alarm["column"], alarm["before"], alarm["now"]) == ("posts", "text", 1000, 100)


def test_a_file_of_0_bytes_is_one_alarm(source):
    source.fill()
    source.sql("CREATE TABLE more AS SELECT * FROM posts")
    source.backup()
    os.truncate(source.path, 0)
    alarm = raises(source, "cut")
    assert alarm["before"] == 2000 and alarm["restore"].endswith("--force")
    assert source.alarms(source.backup(), "open") != []
    assert run_command(source.litekeep, alarm["restore"]).returncode == 0
    assert source.count() == 1000
    assert source.alarms(source.backup(), "recovered") != []
    assert source.pinned() == set()


def test_every_table_dropped_is_one_alarm(source):
    source.fill()
    source.backup()
    source.sql("DROP TABLE posts")
    raises(source, "cut")


def test_after_a_cut_each_table_that_stays_away_is_told(source):
    source.fill()
    source.sql("CREATE TABLE more AS SELECT * FROM posts", "CREATE TABLE third AS SELECT * FROM posts")
    source.backup()
    os.truncate(source.path, 0)
    raises(source, "cut")
    source.sql("CREATE TABLE posts(id INTEGER PRIMARY KEY, text TEXT, score REAL)")
    done = source.backup(expect=4)
    assert sorted((e["kind"], e["table"]) for e in source.alarms(done)) == \
        [("empty", "posts"), ("table", "more"), ("table", "third")]


@pytest.mark.parametrize("wal", [False, True], ids=["rollback", "wal"])
def test_an_older_copy_with_as_many_rows(source, wal, tmp_path):
    if wal:
        source.sql("PRAGMA journal_mode = WAL")
    source.fill()
    source.backup()
    shutil.copyfile(source.path, tmp_path / "old")
    for i in range(3):
        source.sql(f"UPDATE posts SET text = 'new {i}' WHERE id % 3 = {i}")
    source.backup()
    good = tmp_path / "good"
    shutil.copyfile(source.path, good)
    os.replace(tmp_path / "old", source.path)
    alarm = raises(source, "older")
    assert alarm["good"] == source.ids()[1]
    told = " ".join([alarm["message"], *alarm["causes"]])
    assert told.count("change counter has gone back") == (0 if wal else 1), told
    # The old file goes on being written: that does not make it young.
    for i in range(8):
        source.sql(f"UPDATE posts SET score = {i} WHERE id = 1")
    assert source.alarms(source.backup(), "open") != []
    done = run_command(source.litekeep, alarm["restore"])
    assert done.returncode == 0, done
    same(good, source.path)
    done = source.backup()
    assert len(source.alarms(done, "recovered")) == 1 and source.alarms(done) == []
    assert source.alarms(source.backup()) == [] and source.pinned() == set()


@pytest.mark.parametrize("wal", [False, True], ids=["rollback", "wal"])
def test_an_older_copy_that_no_backup_ever_saw(source, tmp_path, wal):
    if wal:
        source.sql("PRAGMA journal_mode = WAL")
    source.fill()
    shutil.copyfile(source.path, tmp_path / "old")
    source.sql("UPDATE posts SET text = 'new'")
    source.backup()
    os.replace(tmp_path / "old", source.path)
    raises(source, "older")


def test_a_file_that_is_always_made_anew_is_no_older_one_with_a_key_of_the_config(source, litekeep):
    def make(night):
        new = source.folder.parent / "new.db"
        source.sql("CREATE TABLE posts(id INTEGER PRIMARY KEY, text TEXT)", path=new)
        source.sql("INSERT INTO posts VALUES(?, ?)", rows=[(i, f"{night} {i}") for i in range(100)], path=new)
        os.replace(new, source.path)

    make("first")
    for i in range(5):
        source.sql(f"UPDATE posts SET text = '{i}' WHERE id = 1")
    source.backup()
    make("second")
    done = litekeep("backup", source.folder, expect=4)
    assert "alarm-older = no" in done.err
    assert "alarm-older = no" in litekeep("list", "posts").out
    litekeep("ack", "posts")
    config(litekeep, f"[litekeep]\n[{source.path}]\nalarm-older = no\n")
    for i in range(5):
        source.sql(f"UPDATE posts SET text = '{i}' WHERE id = 1")
    source.backup()
    make("third")
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 10")
    raises(source, "rows")


def test_an_older_file_is_told_while_another_alarm_is_open(source, tmp_path):
    source.fill()
    source.sql("CREATE TABLE other AS SELECT * FROM posts")
    source.backup()
    source.sql("DELETE FROM other WHERE id > 10")
    raises(source, "rows")
    shutil.copyfile(source.path, tmp_path / "old")
    for i in range(3):
        source.sql(f"UPDATE posts SET text = 'new {i}' WHERE id % 3 = {i}")
    assert source.alarms(source.backup()) == []
    os.replace(tmp_path / "old", source.path)
    raises(source, "older")
    assert source.alarms(source.backup()) == []


def test_a_sequence_gone_back_in_a_replaced_file(source, tmp_path):
    source.sql("CREATE TABLE queue(id INTEGER PRIMARY KEY AUTOINCREMENT, job)")
    source.sql("INSERT INTO queue(job) VALUES(?)", rows=[(f"job {i}",) for i in range(50)])
    shutil.copyfile(source.path, tmp_path / "old")
    source.sql("INSERT INTO queue(job) VALUES('a'), ('b')", "DELETE FROM queue WHERE id < 3")
    source.backup()
    old = tmp_path / "old"
    for i in range(20):  # the old file was written too: its counter is ahead
        source.sql(f"UPDATE queue SET job = 'x{i}' WHERE id = 1", path=old)
    os.replace(old, source.path)
    alarm = raises(source, "older")
    assert (alarm["table"], alarm["before"], alarm["now"]) == ("queue", 52, 50)


def test_a_table_that_is_gone(source):
    source.fill()
    source.sql("CREATE TABLE other(a)", "INSERT INTO other VALUES(1)")
    source.backup()
    source.sql("DROP TABLE posts")
    alarm = raises(source, "table")
    assert alarm["table"] == "posts" and alarm["before"] == 1000
    assert run_command(source.litekeep, alarm["restore"]).returncode == 0
    assert source.count() == 1000
    assert len(source.alarms(source.backup(), "recovered")) == 1


def test_each_recovery_is_told_although_a_restore_backs_up_between_them(source):
    names = ["t t", "u"]
    for name in names:
        source.sql(f'CREATE TABLE "{name}"(a)')
        source.sql(f'INSERT INTO "{name}" VALUES(?)', rows=[(i,) for i in range(100)])
    source.backup()
    for name in names:
        source.sql(f'DELETE FROM "{name}" WHERE a > 5')
    alarms = source.alarms(source.backup(expect=4))
    assert [a["table"] for a in alarms] == names
    for alarm in alarms:
        assert run_command(source.litekeep, alarm["restore"]).returncode == 0
    done = source.backup()
    over = source.alarms(done, "recovered")
    assert {a["table"] for a in over} == set(names) and source.alarms(done, "open") == []
    assert all(a["restore"] is None and a["ack"] is None for a in over), over
    assert source.alarms(source.backup(), "recovered") == [] and source.pinned() == set()


def test_a_file_of_no_bytes_in_place_of_empty_tables(source):
    source.sql("CREATE TABLE posts(a)", "CREATE TABLE other(a)", "DROP TABLE other")
    source.backup()
    source.path.write_bytes(b"")
    alarm = raises(source, "cut")
    assert "has 0 bytes" in alarm["message"] and alarm["before"] == 0
    assert run_command(source.litekeep, alarm["restore"]).returncode == 0
    assert source.count() == 0
    assert len(source.alarms(source.backup(), "recovered")) == 1


def test_the_printed_commands_mean_the_same_beside_another_clone(source, litekeep, tmp_path):
    """Folders "posts" and "posts-...", both of a posts.db."""
    source.fill()
    source.backup()
    other = Source(litekeep, tmp_path / "clone")
    other.fill()
    other.backup()
    for s in (source, other):
        s.sql("DELETE FROM posts WHERE id > 10")
    first, second = raises(source, "rows"), raises(other, "rows")
    assert first["database"] == "posts" and second["database"].startswith("posts-")
    assert run_command(litekeep, first["ack"]).returncode == 0
    assert source.alarms(source.backup(), "open") == [] and len(source.alarms(other.backup(), "open")) == 1
    assert run_command(litekeep, second["restore"]).returncode == 0
    assert other.count() == 1000 and source.count() == 10
    assert "may mean several databases" in litekeep("list", "posts.db", expect=2).err


def test_rows_that_were_deleted_are_not_laid_at_the_door_of_git(source):
    source.fill()
    for words in (["init", "-q"], ["add", "posts.db"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", source.folder, *words], check=True, env=source.litekeep.environment())
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 10")
    assert not any("Git" in c for c in raises(source, "rows")["causes"])


def test_rows_of_a_full_text_table_that_are_gone(source):
    source.sql("CREATE VIRTUAL TABLE search USING fts5(body)")
    source.sql("INSERT INTO search VALUES(?)", rows=[(f"word{i} text",) for i in range(200)])
    source.backup()
    source.sql("DELETE FROM search WHERE rowid > 20")
    done = source.backup(expect=4)
    alarms = source.alarms(done)
    assert {e["table"] for e in alarms} == {"search_content", "search_docsize"}
    assert run_command(source.litekeep, alarms[0]["restore"]).returncode == 0
    db = sqlite3.connect(source.path)
    assert db.execute("SELECT count(*) FROM search WHERE search MATCH 'text'").fetchone()[0] == 200
    db.execute("INSERT INTO search(search) VALUES('integrity-check')")
    db.close()
    assert len(source.alarms(source.backup(), "recovered")) == 2


def test_a_file_that_is_gone_and_comes_back(source):
    source.fill()
    other = source.folder / "other.db"
    source.sql("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", path=other)
    source.backup()
    source.path.unlink()
    alarm = raises(source, "gone")
    assert alarm["path"] == str(source.path) and alarm["before"] == 1000
    assert source.pinned() == {alarm["good"]}
    done = source.backup(expect=(0, 3))
    assert source.alarms(done) == [] and len(source.alarms(done, "open")) == 1
    assert run_command(source.litekeep, alarm["restore"]).returncode == 0
    assert source.count() == 1000
    done = source.backup()
    assert len(source.alarms(done, "recovered")) == 1 and source.alarms(done, "open") == []
    assert source.pinned() == set()


def test_a_file_that_is_no_database_any_more(source):
    source.fill()
    source.backup()
    source.path.write_bytes(b"encrypted, or overwritten" * 1000)
    alarm = raises(source, "gone")
    done = run_command(source.litekeep, alarm["restore"])
    assert done.returncode == 0, done
    assert source.count() == 1000


def test_a_gone_source_that_was_accepted_is_told_no_more(source, litekeep):
    source.fill()
    source.sql("CREATE TABLE t(a)", path=source.folder / "other.db")
    source.backup()
    source.path.unlink()
    raises(source, "gone")
    litekeep("ack", "posts")
    done = source.backup(expect=(0, 3))
    assert source.alarms(done) == [] and source.alarms(done, "open") == []
    source.fill()
    source.backup()
    source.path.unlink()
    raises(source, "gone")


def test_a_single_file_that_is_gone_is_no_missing_folder(source):
    source.fill()
    source.backup()
    source.path.unlink()
    raises(source, "gone")


def test_an_excluded_database_or_one_elsewhere_is_not_missed(source, litekeep, tmp_path):
    source.fill()
    source.sql("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", path=source.folder / "other.db")
    source.backup()
    source.path.unlink()
    done = source.backup(options=["--exclude", "posts.db"])
    assert source.alarms(done) == []
    assert litekeep("backup", "--json", source.folder / "other.db").json_lines()[-1]["status"] == 0


@pytest.mark.parametrize("how", ["missing", "empty", "missing and given relatively"])
def test_a_folder_without_any_of_its_databases_is_one_alarm(source, litekeep, tmp_path, how):
    disk = source.folder / "disk"
    disk.mkdir()
    for i in range(4):
        source.sql("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", path=disk / f"d{i}.db")
    args = ["data/disk"] if "relatively" in how else [disk]
    backup = lambda **more: litekeep("backup", "--init", "--json", *args, cwd=tmp_path, **more)  # noqa: E731
    backup()
    os.rename(disk, tmp_path / "away")
    if how == "empty":
        disk.mkdir()
    done = backup(expect=4)
    (event,) = source.alarms(done)
    assert event["kind"] == "root" and event["path"] == str(disk) and event["before"] == 4
    done = backup(expect=(0, 3))
    assert source.alarms(done) == [] and len(source.alarms(done, "open")) == 1
    if how == "empty":
        disk.rmdir()
    os.rename(tmp_path / "away", disk)
    done = backup()
    assert len(source.alarms(done, "recovered")) == 1 and source.alarms(done, "open") == []
    assert source.alarms(backup(), "open") == []


@pytest.mark.root
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("searched", ["the mount point", "above it"])
def test_a_disk_that_is_not_mounted_is_one_alarm_until_it_is_mounted_again(source, litekeep, mounts, count, searched):
    disk = mounts.tmpfs("disk", "size=8m")
    paths = [f"d{i}.db" for i in range(count)]
    for name in paths:
        source.sql("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", path=disk / name)
    point = source.folder / "point"
    point.mkdir()
    subprocess.run(["mount", "--bind", disk, point], check=True)
    mounts.stack.callback(subprocess.run, ["umount", "-l", point], check=False, capture_output=True)
    backup = lambda **more: litekeep("backup", "--init", "--json", source.folder if searched == "above it" else point, **more)  # noqa: E731
    backup()
    subprocess.run(["umount", point], check=True)
    (event,) = source.alarms(backup(expect=4))
    assert event["kind"] == "root" and event["path"] == str(point) and event["before"] == count
    for _ in range(2):
        done = backup()
        assert source.alarms(done) == [] and len(source.alarms(done, "open")) == 1
    litekeep("status", expect=4)
    subprocess.run(["mount", "--bind", disk, point], check=True)
    done = backup()
    assert len(source.alarms(done, "recovered")) == 1 and source.alarms(done, "open") == source.alarms(done) == []
    assert source.alarms(backup(), "open") == []
    litekeep("status")


def test_an_accepted_root_is_told_no_more(source, litekeep, tmp_path):
    for i in range(2):
        source.sql("CREATE TABLE t(a)", "INSERT INTO t VALUES(1)", path=source.folder / f"d{i}.db")
    source.backup()
    shutil.rmtree(source.folder)
    raises(source, "root")
    litekeep("ack", source.folder, "--note", "the disk is broken")
    done = source.backup(expect=(0, 3))
    assert source.alarms(done) == [] and source.alarms(done, "open") == []


# ---- An alarm's life


@pytest.mark.sanitized
def test_an_alarm_is_raised_once_and_stays_open_until_it_is_accepted(source, litekeep):
    source.fill()
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 10")
    first = raises(source, "rows")
    for _ in range(3):
        done = source.backup()
        assert source.alarms(done) == [] and len(source.alarms(done, "open")) == 1
        assert done.json_lines()[-1]["open_alarms"] == 1
    assert len(source.journal(kind="alarm")) == 1
    assert source.pinned() == {first["good"]}
    done = litekeep("ack", "posts", "--note", "meant to be so", "--json").json()
    assert done["acked"] == 1
    (ack,) = source.journal(kind="ack")
    assert ack["note"] == "meant to be so"
    done = source.backup()
    assert source.alarms(done) == [] and source.alarms(done, "open") == []
    assert source.pinned() == {first["good"]}, "what was pinned stays pinned"
    litekeep("ack", "posts", expect=10)
    source.sql("DELETE FROM posts WHERE id > 4")
    alarm = raises(source, "rows")
    assert (alarm["before"], alarm["now"]) == (10, 4)


def test_a_worse_loss_is_told_again_and_measured_from_the_first(source):
    source.fill()
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 400")
    good = raises(source, "rows")["good"]
    source.sql("DELETE FROM posts WHERE id > 300")
    assert source.alarms(source.backup()) == []
    source.sql("DELETE FROM posts WHERE id > 10")
    alarm = raises(source, "rows")
    assert (alarm["before"], alarm["now"], alarm["good"]) == (1000, 10, good)
    source.sql("DROP TABLE posts", "CREATE TABLE x(a)")
    alarm = raises(source, "table")
    assert (alarm["before"], alarm["good"]) == (1000, good)


def test_rows_that_are_back_end_the_alarm_and_its_pin_but_not_the_users(source, litekeep):
    source.fill()
    source.backup()
    source.backup()
    litekeep("pin", f"posts@{source.ids()[0]}")
    source.sql("DELETE FROM posts WHERE id > 10")
    alarm = raises(source, "rows")
    assert source.pinned() == set(source.ids()[:2])
    source.sql("DELETE FROM posts")
    raises(source, "empty")
    source.add(1000, 1)
    done = source.backup()
    (event,) = source.alarms(done, "recovered")
    assert event["table"] == "posts"
    assert source.pinned() == {source.ids()[0]}
    assert alarm["good"] == source.ids()[1]


def test_a_pin_that_another_alarm_needs_stays(source):
    source.fill()
    source.sql("CREATE TABLE other AS SELECT * FROM posts")
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 10", "DELETE FROM other WHERE id > 10")
    good = source.alarms(source.backup(expect=4))[0]["good"]
    source.add(990, 11)
    assert len(source.alarms(source.backup(), "recovered")) == 1
    assert source.pinned() == {good}
    source.sql("INSERT INTO other SELECT * FROM posts WHERE id > 10")
    assert len(source.alarms(source.backup(), "recovered")) == 1
    assert source.pinned() == set()


@pytest.mark.parametrize("reason, held", [(None, True), ("audit", True), ("alarm", False)])
def test_only_a_pin_that_an_alarm_made_ends_with_it(source, litekeep, reason, held):
    """Whatever reason a pin gives, pin and the end of an alarm agree on whose it is."""
    source.fill()
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 10")
    good = raises(source, "rows")["good"]
    (made,) = source.journal(kind="pin")
    with open(litekeep.store / "posts" / "events.jsonl", "a") as journal:
        for pin in {"reason": reason}, made:
            line = {**made, **pin}
            journal.write(json.dumps({k: v for k, v in line.items() if v is not None}) + "\n")
    if held:
        before = len(source.journal())
        litekeep("pin", f"posts@{good}")
        assert len(source.journal()) == before, "it is the user's already"
    source.add(990, 11)
    assert len(source.alarms(source.backup(), "recovered")) == 1
    assert source.pinned() == ({good} if held else set())


@pytest.mark.sanitized
@pytest.mark.parametrize("kind", ["empty", "cut"])
def test_a_pin_is_made_again_for_what_is_lost_in_the_backup_that_ends_another_alarm(source, litekeep, kind):
    source.fill()
    source.sql("CREATE TABLE t(a)", path=source.folder / "other.db")
    source.backup()
    source.path.unlink()
    good = raises(source, "gone")["good"]
    assert source.pinned() == {good}
    source.sql("CREATE TABLE posts(id INTEGER PRIMARY KEY, text TEXT, score REAL)" if kind == "empty" else "VACUUM")
    done = source.backup(expect=4)
    assert [e["kind"] for e in source.alarms(done, "recovered")] == ["gone"]
    (alarm,) = source.alarms(done)
    assert alarm["kind"] == kind and alarm["good"] == good
    assert source.pinned() == {good}
    litekeep("ack", "posts")
    source.backup()
    litekeep("prune", "posts", "--keep-last", "1")
    assert good in source.ids() and len(source.ids()) == 2


def test_a_journal_that_cannot_be_read_never_hides_a_loss(source, litekeep, tmp_path):
    """Whichever time it is: who is to be told of the loss reads it last."""
    source.fill()
    source.backup()
    source.sql("DELETE FROM posts")
    shutil.copytree(litekeep.store, tmp_path / "before", symlinks=True)
    calls, failed = 1, 0
    while True:
        shutil.rmtree(litekeep.store)
        shutil.copytree(tmp_path / "before", litekeep.store, symlinks=True)
        trace = [tool("strace"), "-f", "-qq", "-o", tmp_path / "trace", "-P", "events.jsonl", "-e", "trace=openat,openat2",
                 "-e", f"inject=openat,openat2:error=EIO:when={calls}"]
        done = source.backup(expect=None, before=trace)
        assert done.status != 0, f"call {calls}: {done!r}"
        if "INJECTED" not in (tmp_path / "trace").read_text():
            break
        failed += done.status != 4
        calls += 1
    assert done.status == 4 and failed > 0


def test_rows_are_back_when_nearly_all_are_and_not_when_the_table_has_grown_a_little(source):
    source.fill()
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 10")
    good = raises(source, "rows")["good"]
    source.add(900, 5000)
    done = source.backup()
    assert source.alarms(done, "recovered") == [] and len(source.alarms(done, "open")) == 1
    assert source.pinned() == {good}
    source.add(50, 7000)
    assert len(source.alarms(source.backup(), "recovered")) == 1


def test_a_backup_that_was_restored_elsewhere_and_moved_here_is_no_older_file(source, litekeep, tmp_path):
    source.fill()
    shutil.copyfile(source.path, tmp_path / "old")
    source.add(5000, 2000)
    source.backup()
    os.replace(tmp_path / "old", source.path)
    good = raises(source, "rows")["good"]
    for i in range(20):
        source.sql(f"UPDATE posts SET score = {i} WHERE id = 1")
    source.backup()
    litekeep("restore", f"posts@{good}", "--to", tmp_path / "back.db")
    os.replace(tmp_path / "back.db", source.path)
    done = source.backup()
    assert source.alarms(done) == [] and len(source.alarms(done, "recovered")) == 1
    assert source.alarms(source.backup()) == []


def test_an_older_copy_that_brings_the_rows_back_is_told(source, tmp_path):
    source.fill()
    shutil.copyfile(source.path, tmp_path / "old")
    for i in range(3):
        source.sql(f"UPDATE posts SET text = 'new {i}' WHERE id % 3 = {i}")
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 10")
    raises(source, "rows")
    os.replace(tmp_path / "old", source.path)
    done = source.backup(expect=4)
    assert len(source.alarms(done, "recovered")) == 1
    (alarm,) = source.alarms(done)
    assert alarm["kind"] == "older" and alarm["good"] == source.ids()[0]


def test_what_no_run_has_judged_is_not_accepted_with_an_alarm(source, litekeep):
    source.fill()
    source.sql("CREATE TABLE other AS SELECT * FROM posts")
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 10")
    raises(source, "rows")
    counts, journal = (litekeep.store / "posts" / name for name in ("counts.jsonl", "events.jsonl"))
    before = counts.read_bytes()
    lines = len(journal.read_text().splitlines())
    source.sql("DELETE FROM other WHERE id > 10")
    raises(source, "rows")
    # As if that run had been killed between the backup and the comparison.
    counts.write_bytes(before)
    journal.write_text("".join(line + "\n" for line in journal.read_text().splitlines()[:lines + 1]))
    litekeep("ack", "posts")
    assert raises(source, "rows")["table"] == "other"


def test_an_ack_of_a_backup_that_never_was_leaves_something_to_compare_with(source, litekeep):
    source.fill()
    source.backup()
    with open(litekeep.store / "posts" / "events.jsonl", "a") as journal:
        journal.write('{"type":"ack","time":"2026-01-01T00:00:00Z","keys":[],"seq":9007199254740991}\n')
    source.sql("DELETE FROM posts WHERE id > 10")
    raises(source, "rows")


def test_a_restore_of_an_older_backup_is_no_older_file(source, litekeep):
    source.fill()
    source.backup()
    for i in range(3):
        source.sql(f"UPDATE posts SET text = 'new {i}'")
    source.backup()
    litekeep("restore", f"posts@{source.ids()[0]}", "--to", source.path, "--force")
    assert source.journal(kind="restore")[0]["id"] == source.ids()[0]
    for _ in range(2):
        assert source.alarms(source.backup()) == []


def test_rows_that_are_restored_into_a_database_excuse_no_older_file(source, litekeep, tmp_path):
    source.fill()
    source.backup()
    shutil.copyfile(source.path, tmp_path / "old")
    for i in range(3):
        source.sql(f"UPDATE posts SET text = 'new {i}'")
    source.backup()
    source.sql("DROP TABLE posts")
    litekeep("restore", f"posts@{source.ids()[1]}", "--table", "posts", "--into", source.path)
    assert source.journal(kind="restore") == []
    os.replace(tmp_path / "old", source.path)
    raises(source, "older")


@pytest.mark.parametrize("loss, kind, now", [("DELETE FROM posts WHERE id > 10", "rows", 10), ("DROP TABLE posts", "table", 0)], ids=["rows", "table"])
def test_a_loss_that_no_run_has_judged_is_told_by_the_next(source, litekeep, loss, kind, now):
    source.fill()
    source.sql("CREATE TABLE other(a)")
    source.backup()
    source.sql(loss)
    counts = litekeep.store / "posts" / "counts.jsonl"
    before = counts.read_bytes()
    raises(source, kind)
    counts.write_bytes(before)  # as if the run had been killed before it compared
    journal = litekeep.store / "posts" / "events.jsonl"
    lines = [e for e in journal.read_text().splitlines() if '"alarm"' not in e]
    journal.write_text("\n".join(lines) + "\n")
    alarm = raises(source, kind)
    assert (alarm["before"], alarm["now"]) == (1000, now)


def test_counts_that_are_lost_are_made_again(source, litekeep):
    source.fill()
    source.backup()
    (litekeep.store / "posts" / "counts.jsonl").unlink()
    source.sql("DELETE FROM posts WHERE id > 10")
    alarm = raises(source, "rows")
    assert alarm["before"] == 1000
    assert len((litekeep.store / "posts" / "counts.jsonl").read_text().splitlines()) == 2


def test_counts_of_nonsense_are_passed_over(source, litekeep):
    source.fill()
    source.backup()
    with open(litekeep.store / "posts" / "counts.jsonl", "a") as counts:
        counts.write('{"id":"2026-01-01T000000Z","seq":"x"}\n{"id":7}\n[]\n{"id":"../../x","seq":9,"tables":[{}]}\n{"id":')
    source.sql("DELETE FROM posts WHERE id > 10")
    raises(source, "rows")


def test_a_journal_that_cannot_be_written_fails_the_run_but_not_the_backup(source, litekeep):
    source.fill()
    source.backup()
    counts = litekeep.store / "posts" / "counts.jsonl"
    counts.unlink()
    counts.mkdir()
    done = source.backup(expect=1)
    assert "backup is complete" in done.err
    assert len(source.ids()) == 2


def test_names_of_tables_are_safe_in_messages_and_commands(source, litekeep):
    name = "it's a \"table\" / $(id)"
    quoted = name.replace('"', '""')
    source.sql(f'CREATE TABLE "{quoted}"(a)', "CREATE TABLE other(a)")
    source.sql(f'INSERT INTO "{quoted}" VALUES(?)', rows=[(i,) for i in range(100)])
    source.backup()
    source.sql(f'DELETE FROM "{quoted}" WHERE a > 3')
    alarm = raises(source, "rows")
    done = run_command(litekeep, alarm["restore"])
    assert done.returncode == 0, done
    assert source.count(quoted) == 100


def test_the_message_says_what_was_lost_in_words(source):
    source.fill(9000)
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 50")
    done = source.litekeep("backup", source.folder, expect=4)
    assert f'table "posts" of {source.path} lost 8,950 of 9,000 rows (99.4 %): 50 are left since the backup of 20' in done.err
    good = source.ids()[0]
    assert f"restore posts@{good} --into {source.path} --table posts --force" in done.err


def test_what_is_open_is_told_where_a_backup_is_young_enough(source):
    source.fill()
    source.backup()
    source.sql("DELETE FROM posts WHERE id > 10")
    raises(source, "rows")
    done = source.backup(options=["--if-older-than", "8h"])
    assert len(source.alarms(done, "open")) == 1 and done.json_lines()[-1]["open_alarms"] == 1
    assert len(source.ids()) == 2
