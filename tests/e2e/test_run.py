"""run: nothing risky starts without a backup, and what it took away is said, with the way back."""
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

import same
from conftest import make_small, tool, wait_for

PYTHON = sys.executable


def rows(path, table="post"):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]


def sql(path, *statements):
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


def sql_command(path, *statements):
    """A command that changes a database, in another process."""
    code = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\nfor s in sys.argv[2:]: db.execute(s)"
    return [PYTHON, "-c", code, str(path), *statements]


def run(litekeep, *args, **options):
    return litekeep("run", "--init", *args, **options)


def restore_line(done):
    """The command that is printed on a line of its own."""
    lines = [line.strip() for line in done.err.splitlines() if line.strip().startswith("litekeep ") and " restore " in line]
    assert len(lines) == 1, repr(done)
    return lines[0]


def carry_out(litekeep, line):
    """As a person would: the printed line, in a shell."""
    folder = litekeep.home / "bin"
    folder.mkdir(exist_ok=True)
    link = folder / "litekeep"
    if not link.exists():
        link.symlink_to(litekeep.program.resolve())
    env = litekeep.environment()
    done = subprocess.run(["sh", "-c", line], env={**env, "PATH": f"{folder}:{env['PATH']}"}, capture_output=True, text=True)
    assert done.returncode == 0, done


# ---- The command is run as if litekeep were not there

@pytest.mark.sanitized
def test_the_exit_code_is_that_of_the_command(litekeep, small):
    for code in (0, 1, 2, 7, 255):
        done = run(litekeep, small, "--", "sh", "-c", f"exit {code}", expect=code)
        assert "explains the command" not in done.err, "2 is the command's code here, no wrong usage of litekeep"


def test_a_command_that_a_signal_ended_gives_128_and_its_number(litekeep, small):
    done = run(litekeep, small, "--", "sh", "-c", "kill -KILL $$", expect=128 + signal.SIGKILL)
    assert "the command was ended by signal 9 (Killed)" in done.err
    assert "ended by signal" not in run(litekeep, small, "--", "sh", "-c", "exit 137", expect=137).err
    run(litekeep, small, "--", "sh", "-c", "kill -SEGV $$", expect=128 + signal.SIGSEGV)


def test_a_missing_command_is_127_and_one_that_cannot_be_started_126(litekeep, small, tmp_path):
    assert "no such command" in run(litekeep, small, "--", "litekeep-no-such-command", expect=127).err
    run(litekeep, small, "--", tmp_path / "nowhere" / "x", expect=127)
    plain = tmp_path / "plain"
    plain.write_text("no program")
    assert "cannot be started" in run(litekeep, small, "--", plain, expect=126).err


def test_standard_output_and_input_belong_to_the_command(litekeep, small):
    command = litekeep.command("run", "--init", small, "--json", "--", "cat")
    done = subprocess.run(command, input=b"from the user\n", capture_output=True, env=litekeep.environment(), cwd=litekeep.home)
    assert done.returncode == 0 and done.stdout == b"from the user\n", done
    assert b"backed up" in done.stderr


def test_words_reach_the_command_as_they_are(litekeep, small):
    words = ["--json", "-q", "--", "a b", "*", "$HOME", "--store", "-h"]
    done = run(litekeep, small, "--", PYTHON, "-c", "import sys, json; print(json.dumps(sys.argv[1:]))", *words)
    assert json.loads(done.out) == words


def test_the_command_ignores_no_signal_that_litekeep_ignores_for_itself(litekeep, small):
    done = run(litekeep, small, "--", "grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")
    masks = {name: int(mask, 16) for name, mask in (line.split(":\t") for line in done.out.splitlines())}
    assert masks["SigBlk"] == 0
    assert not masks["SigIgn"] & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1), masks


def test_what_nohup_ignores_the_command_ignores_too(litekeep, small):
    done = run(litekeep, small, "--", "grep", "SigIgn", "/proc/self/status", before=["sh", "-c", "trap '' HUP && exec \"$@\"", "sh"])
    assert int(done.out.split()[1], 16) & 1 << signal.SIGHUP - 1, done.out


def test_no_command_is_wrong_usage(litekeep, small):
    for words in ([small], [small, "--"], ["--"], [small, "--", ""]):
        litekeep("run", *words, expect=2)
    litekeep("run", "--tolerate", "many", small, "--", "true", expect=2)
    litekeep("run", "--tolerate", "101", small, "--", "true", expect=2)
    assert not litekeep.databases()


# ---- A backup first

def test_a_backup_is_made_first_and_tagged(litekeep, small, tmp_path):
    seen = tmp_path / "seen"
    run(litekeep, small, "--", "sh", "-c", f"ls {litekeep.store}/small > {seen}")
    (backup,) = litekeep.backups("small")
    assert backup.name in seen.read_text()
    assert json.loads((backup / "manifest.json").read_text())["tags"] == ["before-run"]
    run(litekeep, small, "--tag", "pull", "--tag", "x", "--", "true")
    assert json.loads((litekeep.latest("small") / "manifest.json").read_text())["tags"] == ["pull", "x"]


@pytest.mark.sanitized
def test_the_command_is_not_started_when_the_backup_fails(litekeep, small, tmp_path):
    mark = tmp_path / "started"
    (small.parent / "broken.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    done = run(litekeep, small.parent, "--", "touch", mark, expect=125)
    assert "was not started" in done.err and "broken.db" in done.err
    done = litekeep("run", small, "--", "touch", mark, store=tmp_path / "nowhere", expect=125)
    assert "was not started" in done.err
    done = run(litekeep, tmp_path / "missing.db", "--", "touch", mark, expect=125)
    assert "missing.db" in done.err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no database was found" in run(litekeep, empty, "--", "touch", mark, expect=125).err
    assert not mark.exists()
    run(litekeep, small.parent, "--exclude", "broken.db", "--", "touch", mark)
    assert mark.exists()


def test_the_command_is_not_started_when_data_has_shrunk_already(litekeep, small, tmp_path):
    mark = tmp_path / "started"
    litekeep.backup(small)
    sql(small, "DELETE FROM post")
    done = run(litekeep, small, "--", "touch", mark, expect=125)
    assert "ALARM" in done.err and "was not started" in done.err and not mark.exists()
    restore_line(done)
    run(litekeep, small, "--", "touch", mark)  # raised once; who starts it again has read it
    assert mark.exists()


def test_without_a_path_the_current_folder_is_guarded_whatever_the_config_names(litekeep, small, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    make_small(other / "other.db")
    config = litekeep.home / "config.ini"
    config.write_text(f"[litekeep]\npaths = {other}\n")
    config.chmod(0o600)
    done = run(litekeep, "--config", config, "--", *sql_command(small, "DELETE FROM post WHERE id > 250"), cwd=small.parent, expect=4)
    assert str(small) in done.err and "50" in done.err
    assert litekeep.databases() == ["small"]


def test_a_young_backup_is_not_enough(litekeep, small):
    config = litekeep.home / "config.ini"
    config.write_text("[litekeep]\nif-older-than = 30d\n")
    config.chmod(0o600)
    litekeep.backup(small)
    litekeep("--config", config, "run", small, "--", "true")
    assert len(litekeep.backups("small")) == 2


# ---- What was lost

@pytest.mark.sanitized
def test_lost_rows_are_said_with_the_command_that_brings_them_back(litekeep, small, tmp_path):
    before = tmp_path / "before.db"
    shutil.copy(small, before)
    done = run(litekeep, small, "--", *sql_command(small, "DELETE FROM post WHERE id > 250"), expect=4)
    assert "post" in done.err and "50" in done.err and "300" in done.err
    assert len(litekeep.backups("small")) == 1, "it takes no backup afterwards"
    carry_out(litekeep, restore_line(done))
    assert rows(small) == 300
    same.same(before, small, schema=False)


@pytest.mark.parametrize("how, word", [
    (["DELETE FROM post"], "post"),
    (["DROP TABLE kind"], "kind"),
    (["DELETE FROM kind WHERE name = 'a'"], "kind"),
])
def test_every_kind_of_loss_in_a_database_is_seen(litekeep, small, how, word):
    done = run(litekeep, small, "--", *sql_command(small, *how), expect=4)
    assert f'"{word}"' in done.err
    before = rows(small, "post")
    carry_out(litekeep, restore_line(done))
    assert rows(small, "post") == 300 >= before and rows(small, "kind") == 3


@pytest.mark.parametrize("what", ["gone", "cut", "no database", "folder gone"])
def test_a_database_that_is_gone_is_a_loss(litekeep, small, what):
    command = {"gone": f"rm {small}", "cut": f": > {small}", "no database": f"echo hello > {small}",
               "folder gone": f"rm -r {small.parent}"}[what]
    done = run(litekeep, small.parent, "--", "sh", "-c", command, expect=4)
    assert "small.db" in done.err
    if what == "folder gone":
        small.parent.mkdir()
    line = next(line.strip() for line in done.err.splitlines() if " restore " in line)
    carry_out(litekeep, line)
    assert rows(small) == 300


def test_the_way_back_is_exact_for_a_name_with_a_quote(litekeep, small):
    database = small.with_name("it's \\ $(touch no).db")
    small.rename(database)
    code = "import sys\nopen(sys.argv[1], 'w').write('no database')"
    done = run(litekeep, database, "--", PYTHON, "-c", code, database, expect=4)
    lines = [line.strip() for line in done.err.splitlines() if line.strip().startswith("mv ")]
    assert len(lines) == 1, repr(done)
    carry_out(litekeep, lines[0])
    assert rows(database) == 300


def test_loss_counts_more_than_the_command_s_own_code(litekeep, small):
    run(litekeep, small, "--", "sh", "-c", f"rm {small}; exit 9", expect=4)


def test_a_replaced_file_is_said_and_can_be_allowed(litekeep, small):
    swap = ["sh", "-c", f"cp {small} {small}.new && mv {small}.new {small}"]
    done = run(litekeep, small, "--", *swap, expect=4)
    assert "replaced" in done.err
    restore_line(done)
    done = run(litekeep, "--allow-replace", small, "--", *swap)
    assert "replaced" in done.err
    done = run(litekeep, "--allow-replace", small, "--", "sh", "-c", f"cp {small} {small}.new && mv {small}.new {small} && "
               + " ".join(map(shell_word, sql_command(small, "DELETE FROM kind"))), expect=4)
    assert "LOST" in done.err


def shell_word(word):
    return "'" + word.replace("'", "'\\''") + "'"


def test_an_older_copy_with_as_many_rows_is_a_loss(litekeep, small, tmp_path):
    old = tmp_path / "old.db"
    shutil.copy(small, old)
    for i in range(3):
        sql(small, f"UPDATE post SET text = 'edit {i}'")
    done = run(litekeep, small, "--", "cp", old, small, expect=4)
    assert "older" in done.err


@pytest.mark.sanitized
def test_a_migration_without_loss_is_quiet(litekeep, small):
    done = run(litekeep, "-q", small, "--", *sql_command(
        small, "ALTER TABLE post RENAME TO message", "ALTER TABLE message ADD COLUMN lang TEXT DEFAULT 'en'",
        "ALTER TABLE kind RENAME COLUMN n TO number", "CREATE INDEX by_likes ON message (likes)",
        "CREATE TABLE extra (a)", "INSERT INTO message (text) VALUES ('one more')", "VACUUM"))
    assert done.err == ""


def test_a_database_that_was_moved_is_compared_where_it_is_now(litekeep, small):
    there = small.parent / "sub" / "moved.db"
    there.parent.mkdir()
    done = run(litekeep, small.parent, "--", "mv", small, there)
    assert f"was moved to {there}" in done.err
    assert f"`litekeep --store {litekeep.store} adopt small {there}` continues" in done.err
    there.rename(small)
    done = run(litekeep, small.parent, "--", "sh", "-c", f"mv {small} {there} && " +
               " ".join(map(shell_word, sql_command(there, "DELETE FROM post WHERE id = 3"))), expect=4)
    assert "299 are left" in done.err


def test_new_databases_are_no_loss(litekeep, small):
    done = run(litekeep, small.parent, "--", *sql_command(small.parent / "new.db", "CREATE TABLE t (a)"))
    assert "new.db: has no backup" in done.err


def test_a_tolerance_allows_that_share_and_no_more(litekeep, small):
    delete = ["DELETE FROM post WHERE id IN (SELECT id FROM post LIMIT 30)"]
    done = run(litekeep, "--tolerate", "10%", small, "--", *sql_command(small, *delete))
    assert "nothing was lost beyond what --tolerate allows in 1 database" in done.err
    run(litekeep, "--tolerate", "10", small, "--", *sql_command(small, *delete), expect=4)
    run(litekeep, "--tolerate", "100", small, "--", *sql_command(small, "DELETE FROM post WHERE id > 62"))


def test_tables_whose_alarms_are_off_are_not_compared(litekeep, small):
    config = litekeep.home / "config.ini"
    config.write_text("[small]\nalarm-rows kin* = off\n")
    config.chmod(0o600)
    litekeep("--config", config, "run", "--init", small, "--", *sql_command(small, "DELETE FROM kind WHERE n = 1"))
    litekeep("--config", config, "run", small, "--", *sql_command(small, "DELETE FROM post WHERE id = 1"), expect=4)


def test_a_database_that_was_gone_before_is_not_the_command_s_fault(litekeep, small):
    make_small(small.parent / "other.db", rows=77)
    litekeep.backup(small.parent)
    (small.parent / "other.db").unlink()
    litekeep.backup(small.parent, expect=4)
    litekeep("ack", "other")
    assert "other" not in run(litekeep, small.parent, "--", "true").err


def test_what_cannot_be_compared_is_said(litekeep, small):
    """A database that somebody has locked afterwards: the command did well, but nobody knows what it left."""
    holder_code = ("import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\ndb.execute('BEGIN EXCLUSIVE')\n"
                   "open(sys.argv[2], 'w').close()\nsys.stdin.read()")
    ready = litekeep.home / "ready"
    fifo = litekeep.home / "go"
    os.mkfifo(fifo)
    process = litekeep.start("run", "--init", small, "--", "sh", "-c", f"read line < {fifo}")
    wait_for(lambda: litekeep.databases() and litekeep.backups("small"), what="the backup")
    holder = subprocess.Popen([PYTHON, "-c", holder_code, small, ready], stdin=subprocess.PIPE)
    try:
        wait_for(ready.exists, what="the lock")
        fifo.write_text("go\n")
        done = litekeep.finish(process)
    finally:
        holder.stdin.close()
        holder.wait()
    assert done.status == 3 and "could not be compared" in done.err, repr(done)


@pytest.mark.parametrize("gone", [True, False], ids=["of a database that is gone", "of one that is there"])
def test_a_journal_that_cannot_be_read_hides_no_loss_of_another_database(litekeep, small, gone):
    other = make_small(small.parent / "aaa.db", rows=77)
    journal = litekeep.store / "aaa" / "events.jsonl"
    code = ("import os, sqlite3, sys\ndatabase, other, journal, gone = sys.argv[1:]\ndb = sqlite3.connect(database, isolation_level=None)\n"
            "db.execute('DELETE FROM post')\nos.unlink(journal)\nos.mkdir(journal)\nif gone == 'True': os.unlink(other)\n")
    done = run(litekeep, small.parent, "--", PYTHON, "-c", code, small, other, journal, gone, expect=4)
    assert "LOST" in done.err and "post" in done.err, repr(done)
    assert "could not be compared" in done.err and "events.jsonl" in done.err, repr(done)


# ---- Git

def git(folder, *words):
    env = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
           "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    return subprocess.run([tool("git"), "-C", folder, *words], check=True, capture_output=True, env=env, text=True).stdout


def test_a_forced_pull_that_puts_an_old_database_back_is_caught(litekeep, tmp_path):
    """The collector's database is tracked; the server's branch has an old copy of it."""
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    make_small(origin / "posts.db", rows=50)
    git(origin, "add", "posts.db")
    git(origin, "commit", "-qm", "a small database")
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    sql(clone / "posts.db", "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO post(id, text) SELECT i, 'x' FROM n")
    collected = rows(clone / "posts.db")
    (origin / "README").write_text("new\n")
    git(origin, "add", "README")
    git(origin, "commit", "-qm", "more")
    env = {"GIT_CONFIG_GLOBAL": "/dev/null"}
    pull = ["sh", "-c", "git fetch -q && git reset -q --hard origin/main"]
    done = run(litekeep, ".", "--", *pull, expect=4, cwd=clone, env=env)
    assert (clone / "README").exists(), "the pull itself was done"
    assert rows(clone / "posts.db") == 50
    assert "Git" in done.err and f"{collected:,}" in done.err
    line = next(line.strip() for line in done.err.splitlines() if " restore " in line)
    carry_out(litekeep, line)
    assert rows(clone / "posts.db") == collected
    # And one that touches no database: its own code, nothing said.
    (origin / "README").write_text("newer\n")
    git(origin, "commit", "-qam", "newer")
    git(clone, "rm", "-q", "--cached", "posts.db")
    git(clone, "stash", "-q")
    assert run(litekeep, "-q", ".", "--", "git", "fetch", "-q", cwd=clone, env=env).err == ""


# ---- Signals

WAITER = """
import os, signal, sys, time
def got(number, frame):
    print(signal.Signals(number).name, flush=True)
    count[0] += 1
count = [0]
for name in ("INT", "TERM", "HUP", "QUIT", "USR1"):
    signal.signal(getattr(signal, "SIG" + name), got)
open(sys.argv[1], "w").close()
wanted = int(sys.argv[2])
while count[0] < wanted:
    time.sleep(0.01)
sys.exit(42)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"])
def test_signals_reach_the_command_and_litekeep_outlives_it(litekeep, small, tmp_path, name):
    """Not with the sanitizers: ThreadSanitizer keeps a signal back until waitid returns, which it then never does."""
    ready = tmp_path / "ready"
    process = litekeep.start("run", "--init", small, "--", PYTHON, "-c", WAITER, ready, "1")
    wait_for(ready.exists, what="the command")
    process.send_signal(getattr(signal, name))
    done = litekeep.finish(process)
    assert done.status == 42 and done.out == f"{name}\n", repr(done)
    assert "nothing was lost" in done.err, "the databases are compared all the same"


def test_a_signal_of_the_terminal_reaches_the_command_once(litekeep, small, tmp_path):
    """Ctrl-C goes to the whole foreground group; handing it on as well would count twice."""
    import pty
    ready = tmp_path / "ready"
    command = litekeep.command("run", "--init", small, "--", PYTHON, "-c", WAITER.replace("sys.exit(42)", "time.sleep(0.3); sys.exit(40 + count[0])"),
                               ready, "1")
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(litekeep.home)
        os.execvpe(command[0], command, litekeep.environment(TERM="dumb"))
    wait_for(ready.exists, what="the command")
    os.write(fd, b"\x03")
    text = b""
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        text += piece
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    assert status == 41 and text.count(b"SIGINT") == 1, text
    assert b"nothing was lost" in text


def test_a_signal_during_the_backup_starts_no_command(litekeep, small, tmp_path):
    mark = tmp_path / "started"
    holder = sqlite3.connect(small, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    process = litekeep.start("run", "--init", small, "--", "touch", mark)
    wait_for(lambda: litekeep.databases(), what="the backup's begin")
    process.send_signal(signal.SIGINT)
    done = litekeep.finish(process)
    holder.close()
    assert done.status == 125 and not mark.exists(), repr(done)


# ---- The report

def test_the_report_says_all_of_it(litekeep, small, tmp_path):
    report = tmp_path / "report.json"
    run(litekeep, small, "--report", report, "--", *sql_command(small, "DELETE FROM post WHERE id < 11"), expect=4)
    r = json.loads(report.read_text())
    assert r["type"] == "run" and r["status"] == 4 and r["code"] == 0 and r["started"] and r["compared"] and r["databases"] == 1
    (backup,) = r["backup"]["backups"]
    assert backup["database"] == "small" and backup["id"] == litekeep.latest("small").name
    (loss,) = r["losses"]
    assert (loss["kind"], loss["table"], loss["before"], loss["now"], loss["good"]) == ("rows", "post", 300, 290, backup["id"])
    assert " restore " in loss["restore"] and r["replaced"] == [] and r["problems"] == []
    done = run(litekeep, small, "--json", "--", "sh", "-c", "exit 5", expect=5)
    r = json.loads(done.err.splitlines()[-1])
    assert r["status"] == r["code"] == 5 and r["losses"] == [] and done.out == ""
    done = run(litekeep, tmp_path / "missing", "--json", "--", "true", expect=125)
    r = json.loads(done.err.splitlines()[-1])
    assert r["status"] == 125 and not r["started"] and r["code"] is None and r["message"]


def test_a_report_that_cannot_be_written_is_found_before_anything_runs(litekeep, small, tmp_path):
    mark = tmp_path / "started"
    run(litekeep, small, "--report", tmp_path / "no" / "report.json", "--", "touch", mark, expect=2)
    assert not mark.exists()
