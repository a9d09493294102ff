"""status: one look says whether everything is as it should be; and list and backup tell of open alarms."""
import datetime
import json
import os
import shutil
import signal
import sqlite3
import uuid

import pytest

from conftest import make_small, wait_for

DAY = datetime.timedelta(days=1)


@pytest.fixture
def quiet_host(litekeep, monkeypatch):
    """No crontab and no systemd of the machine is asked."""
    folder = litekeep.home / "fake"
    folder.mkdir()
    for name in ("crontab", "systemctl", "loginctl", "scrontab"):
        program = folder / name
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
    plain = litekeep.environment

    def environment(**extra):
        env = plain(**extra)
        env["PATH"] = f"{folder}:{env['PATH']}"
        return env

    monkeypatch.setattr(litekeep, "environment", environment)
    return litekeep


def config(litekeep, text):
    path = litekeep.home / "config.ini"
    path.write_text(text)
    path.chmod(0o600)
    return path


def sql(path, *statements):
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


def age_backups(litekeep, database, by, newest=0):
    """As if the backups had been taken earlier: the journal is all that status looks at. All but the `newest` ones."""
    journal = litekeep.store / database / "events.jsonl"
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    backups = [e for e in events if e["type"] == "backup"]
    for event in backups[:len(backups) - newest]:
        for key in ("time", "started", "finished"):
            event[key] = shift(event[key], by)
    journal.chmod(0o600)
    journal.write_text("".join(json.dumps(e) + "\n" for e in events))


def shift(text, by):
    instant = datetime.datetime.fromisoformat(text[:19]).replace(tzinfo=datetime.timezone.utc) - by
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def status(litekeep, expect=0, config=None, **options):
    chosen = ["--config", config] if config else []
    done = litekeep(*chosen, "status", "--json", expect=expect, **options)
    found = done.json()
    assert found["status"] == done.status
    return found


def database(found, name):
    return next(d for d in found["databases"] if d["database"] == name)


# ---- All is well, or nothing is there yet

@pytest.mark.sanitized
def test_a_store_where_all_is_well_is_ok(quiet_host, small):
    litekeep = quiet_host
    make_small(small.parent / "other.db", rows=5)
    litekeep.backup(small.parent)
    litekeep.backup(small)
    found = status(litekeep)
    assert found["state"] == "ok" and found["backups"] == 3 and found["open_alarms"] == found["late"] == 0
    assert found["store"] == str(litekeep.store) and found["free_bytes"] > 0 and not found["scheduled"]
    assert [d["database"] for d in found["databases"]] == ["other", "small"]
    d = database(found, "small")
    assert (d["state"], d["rows"], d["tables"], d["backups"], d["copies"]) == ("ok", 303, 2, 2, 1)
    assert d["last_backup"] == litekeep.latest("small").name and d["path"] == str(small) and d["alarms"] == []
    run = found["last_run"]
    assert run["status"] == 0 and run["done"] == 1 and run["failed"] == 0 and run["message"] is None
    text = litekeep("status").out
    assert text.startswith("OK\n") and "3 backups of 2 databases, all in this one store: no second copy elsewhere" in text and "schedule install" in text
    assert litekeep("status", "-q").out == ""


def test_nothing_backed_up_yet_says_what_to_do(quiet_host, tmp_path):
    done = quiet_host("status", store=False, expect=10)
    assert "litekeep backup" in done.err
    quiet_host("status", store=tmp_path / "nowhere", expect=10)
    quiet_host.backup(tmp_path)
    assert status(quiet_host)["state"] == "empty"
    assert "litekeep backup" in quiet_host("status").out


def test_a_run_that_failed_is_told_with_its_reason(quiet_host, small):
    (small.parent / "broken.db").write_bytes(b"no database at all" * 100)
    quiet_host.backup(small.parent, expect=3)
    found = status(quiet_host, expect=3)
    run = found["last_run"]
    assert found["state"] == "failed" and run["status"] == 3 and run["done"] == 1 and run["failed"] == 1
    assert run["message"] == f"{small.parent}/broken.db: encrypted, or not a SQLite database"
    text = quiet_host("status", expect=3).out
    assert text.startswith("FAILED: ") and run["message"] in text
    quiet = quiet_host("status", "-q", expect=3).out
    assert quiet.startswith("FAILED: ") and run["message"] in quiet
    (small.parent / "broken.db").unlink()
    quiet_host.backup(small.parent)
    assert status(quiet_host)["last_run"]["status"] == 0


def test_damage_that_verify_found_is_5(quiet_host, small):
    quiet_host.backup(small)
    path = next((quiet_host.latest("small") / "parquet").iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.chmod(0o600)
    path.write_bytes(data)
    quiet_host("verify", expect=5)
    found = status(quiet_host, expect=5)
    assert found["state"] == "damaged" and database(found, "small")["state"] == "damaged"
    assert "DAMAGED" in quiet_host("status", expect=5).out
    assert "DAMAGED" in quiet_host("status", "-q", expect=5).out


# ---- Silence is not success

@pytest.mark.sanitized
def test_a_backup_older_than_promised_is_late(quiet_host, small):
    litekeep = quiet_host
    ini = config(litekeep, "[litekeep]\nevery = 8h\n")
    litekeep.backup(small)
    assert status(litekeep, config=ini)["state"] == "ok"
    age_backups(litekeep, "small", datetime.timedelta(hours=9, minutes=30))
    assert status(litekeep, config=ini)["state"] == "ok", "a quarter of the time is allowed"
    age_backups(litekeep, "small", datetime.timedelta(hours=1))
    found = status(litekeep, expect=4, config=ini)
    assert found["state"] == "stale" and found["late"] == 1 and found["open_alarms"] == 0
    d = database(found, "small")
    assert d["state"] == "stale" and d["promised_seconds"] == 8 * 3600
    (alarm,) = d["alarms"]
    assert alarm["kind"] == "stale" and "8h" in alarm["message"] and "10h" in alarm["message"]
    text = litekeep("--config", ini, "status", expect=4).out
    assert text.startswith("STALE") and alarm["message"] in text
    assert alarm["message"] in litekeep("--config", ini, "status", "-q", expect=4).out
    litekeep.backup(small)
    assert status(litekeep, config=ini)["state"] == "ok"


def test_nobody_who_promised_nothing_is_late(quiet_host, small):
    quiet_host.backup(small)
    age_backups(quiet_host, "small", 400 * DAY)
    found = status(quiet_host)
    assert found["state"] == "ok" and database(found, "small")["promised_seconds"] is None


def test_promises_may_differ_by_database(quiet_host, small, tmp_path):
    make_small(small.parent / "weekly.db")
    make_small(small.parent / "patient.db")
    by_hand = tmp_path / "elsewhere" / "by-hand.db"
    by_hand.parent.mkdir()
    make_small(by_hand)
    quiet_host.backup(small.parent, by_hand)
    ini = config(quiet_host, f"[litekeep]\nevery = 8h\npaths = {small.parent}\n[weekly]\nevery = 1w\n[patient]\nstale-after = 3d\n")
    for name in ("small", "weekly", "patient", "by-hand"):
        age_backups(quiet_host, name, 2 * DAY)
    states = {d["database"]: d["state"] for d in status(quiet_host, expect=4, config=ini)["databases"]}
    assert states == {"small": "stale", "weekly": "ok", "patient": "ok", "by-hand": "ok"}
    for name in ("small", "weekly", "patient", "by-hand"):
        age_backups(quiet_host, name, 9 * DAY)
    states = {d["database"]: d["state"] for d in status(quiet_host, expect=4, config=ini)["databases"]}
    assert states == {"small": "stale", "weekly": "stale", "patient": "stale", "by-hand": "ok"}


def test_damaged_and_partial_backups_and_ones_from_the_future_do_not_count_as_new(quiet_host, small):
    ini = config(quiet_host, "[litekeep]\nevery = 8h\n")
    quiet_host.backup(small)
    age_backups(quiet_host, "small", DAY)
    quiet_host.backup(small, "--table", "post")
    assert status(quiet_host, expect=4, config=ini)["state"] == "stale"
    quiet_host.backup(small)
    assert status(quiet_host, config=ini)["state"] == "ok"
    age_backups(quiet_host, "small", -400 * DAY)
    found = status(quiet_host, expect=4, config=ini)
    assert found["state"] == "stale", "a clock that was a year ahead hides nothing"


@pytest.mark.parametrize("tables", ["skip-table = kind", "table = post"])
def test_where_only_some_tables_are_wanted_a_backup_of_these_is_whole(quiet_host, small, tables):
    ini = config(quiet_host, f"[litekeep]\nevery = 8h\n[small]\n{tables}\n")
    quiet_host.backup(small, "--config", ini)
    assert "left_out" in (quiet_host.latest() / "manifest.json").read_text()
    assert status(quiet_host, config=ini)["state"] == "ok"
    age_backups(quiet_host, "small", DAY)
    found = status(quiet_host, expect=4, config=ini)
    assert found["state"] == "stale" and "backup is 1d old" in database(found, "small")["alarms"][0]["message"]


def test_a_source_that_is_gone_and_was_given_up_is_not_late(quiet_host, small):
    ini = config(quiet_host, "[litekeep]\nevery = 8h\n")
    make_small(small.parent / "other.db", rows=77)
    quiet_host.backup(small.parent)
    (small.parent / "other.db").unlink()
    quiet_host.backup(small.parent, expect={3, 4})
    age_backups(quiet_host, "other", 2 * DAY)
    found = status(quiet_host, expect=4, config=ini)
    assert [a["kind"] for a in database(found, "other")["alarms"]] == ["gone"], "one alarm for one thing"
    quiet_host("ack", "other")
    assert status(quiet_host, config=ini)["state"] == "ok"


def test_a_schedule_that_does_not_run_is_said_once(quiet_host, small):
    tab = quiet_host.home / "tab"
    program = quiet_host.home / "fake" / "crontab"
    program.write_text(f"""#!/bin/sh
case "$1" in
-l) [ -e {tab} ] && exec cat {tab}; echo "no crontab" >&2; exit 1;;
-r) exec rm -f {tab};;
-) exec cat > {tab};;
*) exec cat "$1" > {tab};;
esac
""")
    quiet_host.backup(small)
    quiet_host("schedule", "install", "--backend", "cron", "--every", "8h", small.parent)
    ini = quiet_host.home / ".config" / "litekeep" / "config.ini"
    found = status(quiet_host, config=ini)
    assert found["scheduled"] and found["next_run"] and database(found, "small")["promised_seconds"] == 8 * 3600
    age_backups(quiet_host, "small", 2 * DAY)
    journal = quiet_host.store / "events.jsonl"
    event = json.loads(journal.read_text())
    event["time"] = event["started"] = shift(event["time"], 2 * DAY)
    journal.write_text(json.dumps(event) + "\n")
    found = status(quiet_host, expect=4, config=ini)
    assert [a["kind"] for a in found["alarms"]] == ["stale"] and found["late"] == 2
    text = quiet_host("--config", ini, "status", expect=4).out
    assert text.count("STALE: ") == 2 and "schedule show` says" in text, "the heading, and one alarm for all databases"


# ---- The store that is expected

@pytest.mark.sanitized
@pytest.mark.sanitized
def test_a_config_that_is_not_understood_names_the_way_out(quiet_host, small):
    quiet_host.backup(small)
    ini = config(quiet_host, "[litekeep]\nevry = 8h\n")
    for command in (["list"], ["status"], ["restore", "small"], ["schedule", "show"], ["schedule", "remove"]):
        done = quiet_host("--config", ini, *command, store=False, expect=2)
        assert "config.ini:2" in done.err and "litekeep config check" in done.err and "--store DIR" in done.err, done.err
        assert "explains the command" not in done.err
    assert quiet_host("--config", ini, "list", "--json").json()["databases"]
    done = quiet_host("--config", ini, "schedule", "remove", store=small.parent / "none", expect=2)
    assert "no store is there" in done.err and "not understood" in done.err and "config.ini:2" in done.err
    assert "no schedule is installed" in quiet_host("--config", ini, "schedule", "remove").out.lower()
    assert "explains the command" in quiet_host("schedule", "nonsense", expect=2).err


def test_paths_keep_their_end_on_a_narrow_screen(quiet_host, tmp_path):
    folder = tmp_path / ("a-long-name-" * 4) / "data"
    folder.mkdir(parents=True)
    make_small(folder / "posts.db", rows=3)
    quiet_host.backup(folder)
    lines = quiet_host("status", env={"COLUMNS": "80"}).out.splitlines()
    head, row = next((a, b) for a, b in zip(lines, lines[1:]) if a.startswith("DATABASE"))
    assert "SIZE" not in head and "LAST BACKUP" in head and "ROWS" in head
    assert row.endswith("/data/posts.db") and len(row) <= 80 and "…" in row


def test_a_store_that_the_config_names_and_that_is_not_there_is_an_alarm(quiet_host, small, tmp_path):
    store = tmp_path / "disk" / "store"
    ini = config(quiet_host, f"[litekeep]\nstore = {store}\n")
    store.parent.mkdir()
    quiet_host("--config", ini, "backup", "--init", small, store=False)
    assert status(quiet_host, config=ini, store=False)["state"] == "ok"
    store.rename(tmp_path / "unmounted")
    found = status(quiet_host, expect=4, config=ini, store=False)
    (alarm,) = found["alarms"]
    assert found["state"] == "alarm" and alarm["kind"] == "store" and str(store) in alarm["message"]
    assert alarm["message"] in quiet_host("--config", ini, "status", "-q", store=False, expect=4).out


def test_another_store_than_the_config_knows_is_an_alarm(quiet_host, small, tmp_path):
    store = tmp_path / "store"
    quiet_host("backup", "--init", small, store=store)
    mark = json.loads((store / "litekeep-store.json").read_text())["uuid"]
    ini = config(quiet_host, f"[litekeep]\nstore = {store}\nstore-uuid = {mark}\n")
    assert status(quiet_host, config=ini, store=False)["state"] == "ok"
    other = uuid.uuid4()
    ini = config(quiet_host, f"[litekeep]\nstore = {store}\nstore-uuid = {other}\n")
    found = status(quiet_host, expect=4, config=ini, store=False)
    assert [a["kind"] for a in found["alarms"]] == ["store"] and mark in found["alarms"][0]["message"]


# ---- Alarms

@pytest.fixture
def shrunk(quiet_host, small):
    quiet_host.backup(small)
    sql(small, "DELETE FROM post WHERE id > 9")
    return quiet_host


@pytest.mark.sanitized
def test_an_alarm_is_told_with_the_way_back_and_the_way_to_accept_it(shrunk, small):
    good = shrunk.latest("small").name
    done = shrunk.backup(small, expect=4)
    assert "ALARM" in done.err and done.err.count("data has shrunk") == 0, "what was said is not said twice"
    assert any(line.strip().startswith("litekeep ") and f"restore small@{good}" in line for line in done.err.splitlines())
    assert any(line.strip() == f"litekeep --store {shrunk.store} ack small" for line in done.err.splitlines())
    assert "1 ALARM" in done.out
    found = status(shrunk, expect=4)
    assert found["state"] == "alarm" and found["open_alarms"] == 1
    (alarm,) = database(found, "small")["alarms"]
    assert (alarm["kind"], alarm["table"], alarm["before"], alarm["now"], alarm["good"]) == ("rows", "post", 300, 9, good)
    text = shrunk("status", expect=4).out
    assert text.startswith("ALARM") and alarm["restore"] in text and f"litekeep --store {shrunk.store} ack small" in text
    assert found["last_run"]["alarms"] == 1


def test_an_open_alarm_is_one_line_in_later_runs_and_no_failure(shrunk, small):
    shrunk.backup(small, expect=4)
    done = shrunk.backup(small)
    assert len(done.err.splitlines()) == 1 and "still open since" in done.err and " ack small` accepts it)" in done.err
    assert "1 alarm still open" in done.out
    done = shrunk.backup(small, "-q")
    assert done.out == "" and len(done.err.splitlines()) == 1 and "1 alarm is still open" in done.err


def test_alarms_are_json_lines(shrunk, small):
    fields = {"type", "kind", "database", "path", "table", "column", "before", "now", "raised", "id", "good", "message", "causes",
              "restore", "ack"}
    lines = {line["type"]: line for line in shrunk.backup(small, "--json", expect=4).json_lines()}
    assert fields == set(lines["alarm"]) and lines["alarm"]["now"] == 9
    assert lines["summary"]["alarms"] == 1 and lines["summary"]["open_alarms"] == 0 and lines["summary"]["status"] == 4
    lines = {line["type"]: line for line in shrunk.backup(small, "--json").json_lines()}
    assert fields == set(lines["open"]) and "alarm" not in lines
    assert lines["summary"]["alarms"] == 0 and lines["summary"]["open_alarms"] == 1
    sql(small, "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO post SELECT i, 'post', 1, 1 FROM n")
    lines = {line["type"]: line for line in shrunk.backup(small, "--json").json_lines()}
    assert fields == set(lines["recovered"]) and lines["summary"]["open_alarms"] == 0
    assert status(shrunk)["state"] == "ok"


def test_list_marks_what_is_pinned_and_what_shows_a_loss(shrunk, small):
    good = shrunk.latest("small").name
    shrunk.backup(small, expect=4)
    (d,) = shrunk("list", "small", "--json").json()["databases"]
    assert [(b["id"] == good, b["pinned"], b["alarm"]) for b in d["backups"]] == [(True, True, False), (False, False, True)]
    assert [a["kind"] for a in d["alarms"]] == ["rows"]
    text = shrunk("list", "small").out
    first, second = [line for line in text.splitlines() if line.startswith("20")]
    assert "pinned" in first and "ALARM" in second and d["alarms"][0]["restore"] in text
    text = shrunk("list").out
    assert "ALARM since" in text and d["alarms"][0]["message"] in text
    shrunk("ack", "small")
    text = shrunk("list", "small").out
    assert "ALARM" not in text


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_lists_are_not_wider_than_the_terminal(quiet_host, small, columns):
    deep = small.parent / ("a-very-long-folder-name-" * 5) / "small-database.db"
    deep.parent.mkdir()
    shutil.copy(small, deep)
    quiet_host.backup(small.parent, "--tag", "some-tag-of-a-length", "--tag", "another")
    quiet_host("pin", "small-database")
    for words in (["list"], ["list", "small-database"], ["status"]):
        out = quiet_host(*words, env={"COLUMNS": str(columns)}).out
        grid = out[out.index("BACKUP" if len(words) > 1 else "DATABASE"):].split("\n\n")[0]
        assert max(map(len, grid.splitlines())) <= columns, grid
        if columns >= 80 and len(words) > 1:
            assert quiet_host.latest("small-database").name in grid, "an id is whole: it is what one types"


# ---- The journal of runs

def test_runs_are_noted_in_the_store_s_journal(quiet_host, small):
    quiet_host.backup(small)
    quiet_host.backup(small.parent / "missing.db", expect=(3, 10, 2, 1))
    runs = [json.loads(line) for line in (quiet_host.store / "events.jsonl").read_text().splitlines()]
    assert [r["type"] for r in runs] == ["run", "run"]
    assert runs[0]["status"] == 0 and runs[0]["done"] == 1 and "message" not in runs[0]
    assert runs[1]["status"] == 3 and runs[1]["failed"] == 1 and runs[1]["message"]


def test_runs_without_work_are_noted_once_an_hour(quiet_host, small):
    quiet_host.backup(small)
    for _ in range(5):
        quiet_host.backup(small, "--if-older-than", "1h")
    assert len((quiet_host.store / "events.jsonl").read_text().splitlines()) == 1


def test_the_journal_of_runs_does_not_grow_for_ever(quiet_host, small):
    quiet_host.backup(small)
    journal = quiet_host.store / "events.jsonl"
    run = journal.read_text()
    journal.write_text('{"type":"alarm","time":"2024-01-01T00:00:00Z","key":"other"}\n' + run * 6000)
    assert journal.stat().st_size > 1 << 20
    quiet_host.backup(small)
    lines = journal.read_text().splitlines()
    assert len(lines) == 1002 and json.loads(lines[0])["type"] == "alarm" and json.loads(lines[-1])["done"] == 1
    assert status(quiet_host, expect={0, 4})["last_run"]["finished"] == json.loads(lines[-1])["time"]


def test_an_interrupted_run_is_noted_too(quiet_host, small):
    quiet_host.backup(small)
    holder = sqlite3.connect(small, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    process = quiet_host.start("backup", small)
    wait_for(quiet_host.leftovers, what="the backup under way")
    process.send_signal(signal.SIGTERM)
    done = quiet_host.finish(process)
    holder.close()
    run = status(quiet_host)["last_run"]
    assert run["status"] == done.status == 130


def test_a_hostile_journal_of_runs_does_no_harm(quiet_host, small):
    quiet_host.backup(small)
    journal = quiet_host.store / "events.jsonl"
    journal.write_text('{"type":"run","time":"2024-01-01T00:00:00Z","status":-5,"message":"\\u001b[31m\\u0007","done":-3,"failed":"x"}\nno json\n{"type":')
    run = status(quiet_host, expect=1)["last_run"]
    assert run["done"] == run["failed"] == 0 and run["status"] == 1 and "\x1b" not in run["message"]
    quiet_host("status", expect=1)


def test_status_opens_no_manifest_and_no_database(quiet_host, small):
    quiet_host.backup(small)
    (quiet_host.latest("small") / "manifest.json").unlink()
    os.truncate(small, 0)
    assert status(quiet_host)["state"] == "ok"
