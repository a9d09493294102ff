"""What is kept and what goes: prune, pin, unpin, remove, and the policy of the config after a backup."""
import concurrent.futures
import datetime
import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess

import pytest

import oracle
import restic_policy
from conftest import Litekeep, make_small, tool, wait_for

BERLIN = {"TZ": "Europe/Berlin"}
DAY = datetime.timedelta(days=1)


def at(time):
    """A prefix that runs the program at a time."""
    return [tool("faketime"), "-f", time if isinstance(time, str) else time.strftime("%Y-%m-%d %H:%M:%S")]


def ids(litekeep, database="small", store=None):
    return [p.name for p in litekeep.backups(database, store)]


def events(litekeep, database="small"):
    return [json.loads(line) for line in (litekeep.store / database / "events.jsonl").read_text().splitlines()]


def prune(litekeep, *options, **more):
    return litekeep("prune", "--json", *options, **more).json()


def reasons(document, database="small"):
    (found,) = [d for d in document["databases"] if d["database"] == database]
    return {b["id"]: b["reason"] if b["kept"] else None for b in found["backups"]}


def change(path, text="changed"):
    db = sqlite3.connect(path)
    db.execute("UPDATE post SET text = text || ? WHERE id % 3 = 0", [text])
    db.commit()
    db.close()


def history(litekeep, small, count, start="2024-05-01 12:00:00", step=DAY):
    """Backups on following days, each with a change."""
    time = datetime.datetime.fromisoformat(start)
    for number in range(count):
        change(small, f" {number}")
        litekeep.backup(small, before=at(time + number * step))
    return ids(litekeep)


# ---- A year, every 8 hours

YEAR = [datetime.datetime(2023, 1, 1, 4, 14, 42, tzinfo=datetime.timezone.utc) + datetime.timedelta(hours=8 * n) for n in range(1095)]
TAGGED = ("2023-03-15T121442Z", "2023-07-04T041442Z")


def name(time):
    return time.strftime("%Y-%m-%dT%H%M%SZ")


# Worked out by hand with a calendar of 2023 (its last day is a Sunday); days stand for their backup of 20:14:42 UTC.
POLICIES = {
    "installed": (
        ["--keep-last", 3, "--keep-daily", 7, "--keep-weekly", 4, "--keep-monthly", 12], {"last": 3, "daily": 7, "weekly": 4, "monthly": 12},
        "01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-10 12-17 12-24 12-25 12-26 12-27 12-28 12-29 12-30 12-31T04 12-31T12 12-31"),
    "last": (["--keep-last", 10], {"last": 10}, "12-28 12-29T04 12-29T12 12-29 12-30T04 12-30T12 12-30 12-31T04 12-31T12 12-31"),
    "hourly": (
        ["--keep-hourly", 8, "--keep-daily", 5], {"hourly": 8, "daily": 5}, "12-27 12-28 12-29T12 12-29 12-30T04 12-30T12 12-30 12-31T04 12-31T12 12-31"),
    "within": (
        ["--keep-within", "3d", "--keep-yearly", 2], {"within": 3 * DAY, "yearly": 2},
        "01-01T04 12-29T04 12-29T12 12-29 12-30T04 12-30T12 12-30 12-31T04 12-31T12 12-31"),
    "tags": (
        ["--keep-weekly", 8, "--keep-monthly", 6, "--keep-tag", "release"], {"weekly": 8, "monthly": 6, "tag": ["release"]},
        "03-15T12 07-04T04 07-31 08-31 09-30 10-31 11-12 11-19 11-26 11-30 12-03 12-10 12-17 12-24 12-31"),
}


def by_hand(words):
    """'12-31T04' is 2023-12-31T041442Z, '12-31' that of 20:14:42."""
    return {f"2023-{word if 'T' in word else word + 'T20'}1442Z" for word in words.split()}


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """A store with 1,095 backups. Two are real; of the others there is what prune looks at: the folder, a manifest, a line of the journal."""
    home = tmp_path_factory.mktemp("year")
    litekeep = Litekeep(home)
    make_small(home / "small.db")
    litekeep.backup(home / "small.db", before=at("2023-01-01 04:14:42"))
    litekeep.backup(home / "small.db", before=at("2023-12-31 20:14:42"))
    folder = litekeep.store / "small"
    first, *others = [e for e in events(litekeep) if e["type"] == "backup"]
    lines = [first]
    for seq, time in enumerate(YEAR[1:-1], 2):
        (folder / name(time)).mkdir()
        (folder / name(time) / "manifest.json").write_text("{}")
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ")
        lines.append({**first, "id": name(time), "seq": seq, "time": stamp, "started": stamp, "finished": stamp,
                      "tags": ["release"] if name(time) in TAGGED else []})
    lines.append({**others[-1], "seq": 1095})
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return litekeep


@pytest.mark.parametrize("policy", POLICIES)
def test_a_year_under_five_policies_keeps_what_was_worked_out_and_what_restic_keeps(year, policy):
    options, rules, words = POLICIES[policy]
    expected = by_hand(words)
    by_restic = restic_policy.kept(YEAR, rules, tags={restic_policy.moment(id): ["release"] for id in TAGGED})
    assert {name(time) for time in by_restic} == expected, "the oracle and the table do not agree"
    document = prune(year, *options, "--dry-run", env=BERLIN)
    found = reasons(document)
    assert len(found) == 1095
    assert {id for id, reason in found.items() if reason} == expected
    assert document["kept"] == len(expected) and document["removed"] == 1095 - len(expected)


def test_a_quarter_is_pruned_as_it_was_announced(year, litekeep):
    options, rules, _ = POLICIES["installed"]
    times = [time for time in YEAR if time.month > 9]
    subprocess.run(["cp", "-a", year.store, litekeep.store], check=True)
    folder = litekeep.store / "small"
    for time in YEAR:
        if time.month <= 9:
            shutil.rmtree(folder / name(time))
    expected = {name(time) for time in restic_policy.kept(times, rules)}
    assert "2023-10-01T041442Z" in expected, "the oldest, while there is room"
    done = prune(litekeep, *options, env=BERLIN)
    left = {p.name for p in folder.iterdir() if p.name[:2] == "20"}
    assert left == expected and done["removed"] == len(times) - len(left)
    assert litekeep.leftovers() == []
    assert prune(litekeep, *options, env=BERLIN)["removed"] == 0
    (event,) = [e for e in events(litekeep) if e["type"] == "prune"]
    assert len(event["ids"]) == done["removed"] and event["policy"] == "last 3, daily 7, weekly 4, monthly 12"


# ---- Real backups, removed

@pytest.mark.sanitized
def test_what_is_left_is_whole_and_what_is_gone_is_freed(litekeep, small):
    """Backups share files by hard links: removing one must not hurt the others, and frees only what nobody shares."""
    for number in range(12):
        if number % 3 == 0:
            change(small, f" {number}")
        litekeep.backup(small)
    before = ids(litekeep)

    def used():
        return sum({(s.st_dev, s.st_ino): s.st_size for s in (p.lstat() for p in litekeep.store.glob("small/2*/**/*") if p.is_file())}.values())

    announced = prune(litekeep, "--keep-last", 4, "--dry-run")
    assert ids(litekeep) == before
    size = used()
    done = prune(litekeep, "--keep-last", 4)
    assert ids(litekeep) == before[-4:]
    assert done["removed"] == announced["removed"] == 8
    assert done["bytes"] == announced["bytes"] == size - used() > 0
    litekeep("verify")
    oracle.same(small, litekeep.latest())


@pytest.mark.sanitized
def test_each_backup_is_shown_with_its_reason(litekeep, small):
    names = []
    for _ in range(4):
        litekeep.backup(small)
    names = ids(litekeep)
    litekeep("pin", f"small@{names[0]}")
    out = litekeep("prune", "--keep-last", "1", "--dry-run").out
    rows = {line.split()[0]: line for line in out.splitlines() if line[:2] == "20"}
    assert list(rows) == names[::-1], "newest first"
    assert "would remove" in rows[names[1]] and "would remove" in rows[names[2]]
    assert "keep" in rows[names[3]] and "last 1, newest verified" in rows[names[3]]
    assert "pinned" in rows[names[0]]
    assert "2 backups kept, 2 would be removed" in out
    assert litekeep("prune", "--keep-last", "1", "-q").out == ""
    assert ids(litekeep) == [names[0], names[3]]


def test_a_tag_keeps_and_is_found_in_the_manifest_when_the_journal_is_lost(litekeep, small):
    litekeep.backup(small, "--tag", "release")
    litekeep.backup(small)
    litekeep.backup(small)
    first, second, third = ids(litekeep)
    (litekeep.store / "small" / "events.jsonl").unlink()
    found = reasons(prune(litekeep, "--keep-tag", "release"))
    assert found == {first: "tag release", second: None, third: "newest verified"}


def test_a_policy_that_keeps_nothing_is_an_error_and_nothing_is_removed(litekeep, small):
    for _ in range(3):
        litekeep.backup(small)
    for options in ([], ["--keep-last", "0"], ["--keep-daily", "0", "--keep-yearly", "0"]):
        done = litekeep("prune", *options, expect=2)
        assert "--keep" in done.err
    litekeep("prune", "--keep-last", "-1", expect=2)
    litekeep("prune", "--keep-within", "0d", expect=2)
    litekeep("prune", "nosuch", "--keep-last", "1", expect=10)
    assert len(ids(litekeep)) == 3


def test_only_the_databases_that_are_named_are_pruned(litekeep, small):
    other = small.parent / "other.db"
    make_small(other)
    for _ in range(3):
        litekeep.backup(small, other)
    litekeep("prune", "small", "small", "--keep-last", "1")
    assert len(ids(litekeep)) == 1 and len(ids(litekeep, "other")) == 3
    litekeep("prune", other, "--keep-last", "2")
    assert len(ids(litekeep, "other")) == 2


def test_the_newest_verified_backup_stays_behind_unverified_ones(litekeep, small):
    litekeep.backup(small)
    for number in range(3):
        change(small, f" {number}")
        litekeep.backup(small, "--no-verify")
    first, second, third, fourth = ids(litekeep)
    assert reasons(prune(litekeep, "--keep-last", 1)) == {first: "newest verified", second: None, third: None, fourth: "last 1"}
    litekeep("verify")
    assert reasons(prune(litekeep, "--keep-last", 1)) == {first: None, fourth: "last 1, newest verified"}


def test_a_partial_backup_pushes_no_whole_one_out(litekeep, small):
    litekeep.backup(small)
    for _ in range(3):
        litekeep.backup(small, "--table", "kind")
    whole, *partial = ids(litekeep)
    found = reasons(prune(litekeep, "--keep-last", 1))
    assert found[whole] == "last 1, newest verified" and found[partial[2]] == "last 1, newest verified (of partial ones)"
    assert ids(litekeep) == [whole, partial[2]]


def test_a_damaged_backup_pushes_no_whole_one_out(litekeep, small):
    litekeep.backup(small)
    change(small)
    litekeep.backup(small)
    first, second = ids(litekeep)
    damaged = litekeep.store / "small" / second / "parquet" / "post.parquet"
    damaged.chmod(0o600)
    with open(damaged, "r+b") as f:
        f.seek(100)
        f.write(b"damage")
    litekeep("verify", expect=5)
    found = reasons(prune(litekeep, "--keep-last", 1))
    assert found == {first: "last 1, newest verified", second: "last 1 (of damaged ones)"}


def test_what_litekeep_cannot_judge_is_never_removed(litekeep, small):
    """Folders of the original script, backups whose manifest is lost, and whatever else lies there."""
    for _ in range(4):
        litekeep.backup(small)
    first, second, third, fourth = ids(litekeep)
    folder = litekeep.store / "small"
    script = folder / "2020-01-01-08:00:00" / "json"
    script.mkdir(parents=True)
    (script / "post.json").write_text('{"id":1}\n')
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine")
    (folder / first / "manifest.json").unlink()
    found = reasons(prune(litekeep, "--keep-last", 1))
    assert found["2020-01-01-08:00:00"] == "of the original script"
    assert found[first] == "its manifest cannot be read"
    assert found[second] is None and found[third] is None
    assert {p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != "."} == {first, fourth, "notes", "2020-01-01-08:00:00"}


def test_a_wrong_clock_removes_nothing_of_the_time_it_does_not_know(litekeep, small):
    names = history(litekeep, small, 3)
    change(small)
    litekeep.backup(small, before=at("2025-06-01 12:00:00"))  # a year ahead
    ahead = ids(litekeep)[-1]
    change(small)
    litekeep.backup(small, before=at("2024-05-04 12:00:00"))
    last = ids(litekeep)[-1]
    found = reasons(prune(litekeep, "--keep-last", 1, before=at("2024-05-04 13:00:00")))
    assert found == {names[0]: None, names[1]: None, names[2]: None, ahead: "its time is in the future", last: "last 1, newest verified"}
    # A year back: everything that is there seems to be of the future.
    litekeep.backup(small, before=at("2023-01-01 12:00:00"))
    found = reasons(prune(litekeep, "--keep-last", 1, before=at("2023-01-01 13:00:00")))
    assert all(found.values()) and len(found) == 3
    assert found[last] == "its time is in the future"
    # The clock is right again, and in the year that seemed so far away.
    found = reasons(prune(litekeep, "--keep-last", 1, before=at("2025-07-01 13:00:00")))
    assert "the clock was wrong when it was made" in found.values()


def test_within_does_not_follow_a_clock_that_jumped_ahead(litekeep, small):
    names = history(litekeep, small, 3)
    litekeep.backup(small, before=at("2025-06-01 12:00:00"))
    found = reasons(prune(litekeep, "--keep-within", "30d", before=at("2025-06-01 13:00:00")))
    assert all(found.values()) and set(names) < set(found)


# ---- pin, unpin, remove

@pytest.mark.sanitized
def test_a_pin_holds_until_it_is_taken_back(litekeep, small):
    for _ in range(3):
        litekeep.backup(small)
    first, second, third = ids(litekeep)
    assert litekeep("pin", "--json", "small@latest~2").json() == {"id": first, "pinned": True}
    litekeep("pin", f"small@{first}")
    assert [e["type"] for e in events(litekeep)].count("pin") == 1, "noted once"
    litekeep("prune", "--keep-last", "1")
    assert ids(litekeep) == [first, third]
    assert first in litekeep("unpin", f"small@{first}").out
    litekeep("unpin", f"small@{first}")
    assert [e["type"] for e in events(litekeep)].count("unpin") == 1
    litekeep("prune", "--keep-last", "1")
    assert ids(litekeep) == [third]
    litekeep("pin", f"small@{first}", expect=10)
    litekeep("pin", "nosuch", expect=10)


@pytest.mark.sanitized
@pytest.mark.parametrize("old, new", [(b'"type"', b'"typ"'), (b'"time":"', b'"time":"x'), (b'"type"', b'"type'), (b'{', b'')],
                         ids=["no type", "no time", "no JSON", "no object"])
def test_a_pin_whose_line_cannot_be_read_holds_and_no_other_backup_with_it(litekeep, small, old, new):
    for _ in range(3):
        litekeep.backup(small)
    first, second, third = ids(litekeep)
    litekeep("pin", f"small@{first}")
    journal = litekeep.store / "small" / "events.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert b'"pin"' in lines[-1] and old in lines[-1]
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1].replace(old, new, 1))
    document = prune(litekeep, "--keep-last", "1")
    assert reasons(document)[first] == "named in a line of the journal that cannot be read"
    assert ids(litekeep) == [first, third]
    done = litekeep("remove", f"small@{first}", "--yes", expect=6)
    assert "journal" in done.err and "--force" in done.err
    litekeep("remove", f"small@{first}", "--yes", "--force")
    assert ids(litekeep) == [third]


@pytest.mark.sanitized
def test_remove_wants_yes_and_guards_what_matters(litekeep, small):
    for _ in range(4):
        litekeep.backup(small)
    first, second, third, fourth = ids(litekeep)
    done = litekeep("remove", "small", "--yes", expect=2)  # which one?
    assert f"small@ID, as `litekeep --store {litekeep.store} list small` prints them" in done.err
    done = litekeep("remove", f"small@{first}", expect=2)
    assert "--yes" in done.err and first in done.err
    document = litekeep("remove", f"small@{first}", "--dry-run", "--json").json()
    assert document["dry_run"] and document["id"] == first and document["bytes"] > 0
    assert len(ids(litekeep)) == 4
    litekeep("pin", f"small@{second}")
    for guarded, why in ((second, "pinned"), (fourth, "newest")):
        done = litekeep("remove", f"small@{guarded}", "--yes", expect=6)
        assert why in done.err and "--force" in done.err
    freed = litekeep("remove", f"small@{first}", "--yes", "--json").json()
    assert freed["bytes"] == document["bytes"]
    litekeep("remove", f"small@{second}", "--yes", "--force")
    litekeep("remove", "small@latest", "--yes", "--force")
    assert ids(litekeep) == [third]
    assert [e["id"] for e in events(litekeep) if e["type"] == "remove"] == [first, second, fourth]
    litekeep("verify")
    litekeep("remove", f"small@{first}", "--yes", expect=10)
    change(small)
    litekeep.backup(small)
    oracle.same(small, litekeep.latest())


def test_remove_guards_the_newest_where_every_backup_is_partial(litekeep, small):
    for _ in range(2):
        litekeep.backup(small, "--table", "kind")
    first, second = ids(litekeep)
    done = litekeep("remove", f"small@{second}", "--yes", expect=6)
    assert "the newest backup that was verified (of partial ones)" in done.err and "--force" in done.err
    litekeep("remove", f"small@{first}", "--yes")
    litekeep("remove", "small@latest", "--yes", expect=6)
    assert ids(litekeep) == [second]


def test_remove_of_the_script_s_backups_wants_force(litekeep, small):
    litekeep.backup(small)
    script = litekeep.store / "small" / "2020-01-01-08:00:00" / "json"
    script.mkdir(parents=True)
    (script / "post.json").write_text('{"id":1}\n')
    litekeep("remove", "small@2020-01-01-08:00:00", "--yes", expect=6)
    litekeep("remove", "small@2020-01-01-08:00:00", "--yes", "--force")
    assert not script.parent.exists()


@pytest.mark.parametrize("answer, removed", [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)])
def test_on_a_terminal_remove_asks(litekeep, small, answer, removed):
    litekeep.backup(small)
    litekeep.backup(small)
    first, second = ids(litekeep)
    ours, its = pty.openpty()
    process = subprocess.Popen(litekeep.command("remove", f"small@{first}"), stdin=its, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=litekeep.environment(), cwd=litekeep.home)
    os.close(its)
    os.write(ours, answer)
    done = litekeep.finish(process)
    os.close(ours)
    assert f"small@{first}" in done.err and "[y/N]" in done.err
    assert done.status == (0 if removed else 6)
    assert ids(litekeep) == ([second] if removed else [first, second])


# ---- The policy in the config

def configure(litekeep, text):
    path = litekeep.home / "config.ini"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_config_s_policy_is_carried_out_after_each_backup(litekeep, small):
    config = configure(litekeep, "[litekeep]\nkeep-last = 2\n")
    other = small.parent / "other.db"
    make_small(other)
    for _ in range(4):
        change(small)
        litekeep.backup(small, other, "--config", config)
    assert len(ids(litekeep)) == 2 and len(ids(litekeep, "other")) == 2
    assert len([e for e in events(litekeep) if e["type"] == "prune"]) == 2
    oldest = ids(litekeep)[0]
    assert f"small@{oldest} removed; kept are last 2" in litekeep.backup(small, "-v", "--config", config).err
    litekeep("verify")
    oracle.same(small, litekeep.latest("small"))


def test_prune_without_options_does_what_the_config_says_for_each_database(litekeep, small):
    other = small.parent / "other.db"
    make_small(other)
    for _ in range(4):
        litekeep.backup(small, other)
    config = configure(litekeep, "[small]\nkeep-last = 2\n")
    done = litekeep("prune", "--config", config)
    assert len(ids(litekeep)) == 2 and len(ids(litekeep, "other")) == 4
    assert "other" not in done.err, "nothing is wrong with it"
    assert "other: the config has no policy for it" in litekeep("prune", "-v", "--config", config).err
    found = {d["database"]: d for d in prune(litekeep, "--config", config)["databases"]}
    assert found["other"]["problem"] is None and "no policy" in found["other"]["note"] and found["small"]["note"] is None
    assert "nothing says what to keep" in litekeep("prune", "other", "--config", config, expect=2).err
    litekeep("prune", "--config", config, "--keep-last", "1")
    assert len(ids(litekeep)) == 1 and len(ids(litekeep, "other")) == 1


def test_a_config_that_cannot_be_understood_removes_nothing(litekeep, small):
    for _ in range(3):
        litekeep.backup(small)
    config = configure(litekeep, "[litekeep]\nkeep-last = 1\nkeep-lost = 3\n")
    litekeep("prune", "--config", config, expect=2)
    litekeep("prune", "--config", config, "--dry-run", expect=2)
    litekeep("backup", small, "--config", config, expect=None)
    assert len(ids(litekeep)) >= 3


# ---- Alarms

def shrink(path):
    db = sqlite3.connect(path)
    db.execute("DELETE FROM post WHERE id > 20")
    db.commit()
    db.close()


@pytest.mark.parametrize("policy", ["keep-last = 1", "keep-hourly = 1\nkeep-daily = 1", "keep-within = 1s"])
def test_while_an_alarm_is_open_the_good_backup_is_never_pushed_out(litekeep, small, policy):
    config = configure(litekeep, f"[litekeep]\n{policy}\n")
    when = datetime.datetime(2024, 5, 1, 12)
    litekeep.backup(small, "--config", config, before=at(when))
    (good,) = ids(litekeep)
    shrink(small)
    for number in range(1, 9):
        litekeep.backup(small, "--config", config, before=at(when + number * DAY / 3), expect=4 if number == 1 else 0)
    assert ids(litekeep)[0] == good and len(ids(litekeep)) < 10
    options = [part for line in policy.splitlines() for part in ("--" + line).split(" = ")]
    found = reasons(prune(litekeep, *options))
    assert "last good before an alarm" in found[good] and "pinned" in found[good]
    assert litekeep("unpin", f"small@{good}", expect=6).err.count(f"`litekeep --store {litekeep.store} ack small`") == 1
    litekeep("remove", f"small@{good}", "--yes", expect=6)
    out = litekeep.home / "out.db"
    litekeep("restore", f"small@{good}", "--to", out)
    assert sqlite3.connect(out).execute("SELECT count(*) FROM post").fetchone() == (300,)


def test_after_a_run_that_was_killed_before_it_looked_for_losses_the_good_backup_stays(litekeep, small):
    litekeep.backup(small)
    (good,) = ids(litekeep)
    noted = {name: (litekeep.store / "small" / name).read_bytes() for name in ("counts.jsonl", "events.jsonl")}
    shrink(small)
    litekeep.backup(small, expect=4)
    bad = ids(litekeep)[1]
    line = next(e for e in (litekeep.store / "small" / "events.jsonl").read_text().splitlines() if bad in e and '"backup"' in e)
    (litekeep.store / "small" / "counts.jsonl").write_bytes(noted["counts.jsonl"])
    (litekeep.store / "small" / "events.jsonl").write_bytes(noted["events.jsonl"] + line.encode() + b"\n")
    found = reasons(prune(litekeep, "--keep-last", "1"))
    assert found.keys() == {good, bad} and "last 1" in found[good] and "looks for losses" in found[bad]
    litekeep.backup(small, expect=4)
    found = reasons(prune(litekeep, "--keep-last", "1"))
    assert "last good before an alarm" in found[good] and found[bad] is None


# ---- Together with others, and on a full disk

def test_a_database_that_is_locked_is_told_and_the_others_go_on(litekeep, small):
    import fcntl
    other = small.parent / "other.db"
    make_small(other)
    for _ in range(3):
        litekeep.backup(small, other)
    with open(litekeep.store / "other" / ".lock", "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = litekeep("prune", "--keep-last", "1", expect=11)
        assert "other" in done.err
        assert len(ids(litekeep)) == 1 and len(ids(litekeep, "other")) == 3
        assert prune(litekeep, "--keep-last", 1, "--dry-run")["removed"] == 2, "looking takes no lock"
    litekeep("prune", "--keep-last", "1")
    assert len(ids(litekeep, "other")) == 1


def test_pruning_backing_up_and_verifying_at_once(litekeep, small):
    litekeep.backup(small)

    def backups():
        for number in range(12):
            change(small, f" {number}")
            litekeep("backup", small, expect=(0, 11, 1, 3))

    def repeat(*args, expect):
        for _ in range(8):
            litekeep(*args, expect=expect)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(backups), pool.submit(repeat, "prune", "--keep-last", "2", expect=(0, 11)),
                       pool.submit(repeat, "prune", "--keep-hourly", "1", expect=(0, 11)), pool.submit(repeat, "verify", expect=(0, 10))]:
            future.result()
    change(small)
    litekeep.backup(small)
    litekeep("verify")
    assert not any(b["damaged"] for b in litekeep("list", "small", "--json").json()["databases"][0]["backups"])
    oracle.same(small, litekeep.latest())
    assert litekeep.leftovers() == []


@pytest.mark.root
@pytest.mark.parametrize("trash", [True, False])
def test_a_full_disk_can_be_pruned(litekeep, small, mounts, trash):
    mount = mounts.tmpfs("disk", "size=4m,nr_inodes=400")
    store = mount / "store"
    for number in range(6):
        change(small, f" {number}")
        litekeep.backup(small, store=store)
    if trash:
        (store / "small" / ".trash").mkdir(exist_ok=True)
    with open(mount / "rest", "wb") as rest:
        with pytest.raises(OSError):
            while True:
                rest.write(bytes(65536))
                rest.flush()
    number = 0
    with pytest.raises(OSError):
        while True:
            (mount / f"inode{number}").touch()
            number += 1
    litekeep("backup", small, store=store, expect=1)
    done = litekeep("prune", "--keep-last", "2", store=store)
    assert len(litekeep.backups("small", store)) == 2 and "removed" in done.out
    assert litekeep.leftovers(store) == []
    litekeep("verify", store=store)
    litekeep("backup", small, store=store)


@pytest.mark.root
def test_a_read_only_store_is_told_and_can_be_looked_at(litekeep, small, mounts):
    mount = mounts.tmpfs("disk", "size=16m")
    store = mount / "store"
    for _ in range(3):
        litekeep.backup(small, store=store)
    subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
    assert prune(litekeep, "--keep-last", 1, "--dry-run", store=store)["removed"] == 2
    done = litekeep("prune", "--keep-last", "1", store=store, expect=1)
    assert "read-only" in done.err.lower()
    assert len(litekeep.backups("small", store)) == 3


@pytest.mark.parametrize("command", ["restore", "query"])
def test_a_backup_that_is_removed_while_it_is_read_is_named(litekeep, small, command):
    """As above: stopped when the manifest is open, before the first table is."""
    litekeep.backup(small)
    (name,) = ids(litekeep)
    litekeep.backup(small)
    out, trace = litekeep.home / "out.db", litekeep.home / "trace"
    args = ["restore", f"small@{name}", "--to", out] if command == "restore" else ["query", f"small@{name}", "SELECT count(*) FROM post"]
    process = litekeep.start(*args, before=[tool("strace"), "-f", "-qq", "-o", trace, "-e", "trace=openat",
                                            "-e", "inject=openat:delay_enter=20000"])
    wait_for(lambda: trace.exists() and "manifest.json" in trace.read_text(errors="replace"), what="the manifest")
    process.send_signal(signal.SIGSTOP)  # what is traced waits for its tracer
    litekeep("remove", f"small@{name}", "--yes", "--force")
    process.send_signal(signal.SIGCONT)
    done = litekeep.finish(process)
    assert done.status == 10 and f"small@{name} was removed while it was read" in done.err, repr(done)
    assert not out.exists()


def test_a_backup_that_is_removed_while_it_is_checked_is_no_damage_nor_are_those_that_share_with_it(litekeep, small):
    """verify is slowed down, and stopped when it has begun with the oldest backup, which is then removed."""
    for _ in range(3):
        litekeep.backup(small)
    names = ids(litekeep)
    trace = litekeep.home / "trace"
    process = litekeep.start("verify", "--jobs", "1", before=[tool("strace"), "-f", "-qq", "-o", trace, "-e", "trace=openat",
                                                             "-e", "inject=openat:delay_enter=10000"])
    wait_for(lambda: trace.exists() and "SHA256SUMS" in trace.read_text(errors="replace"), what="the check of the first backup")
    process.send_signal(signal.SIGSTOP)  # what is traced waits for its tracer
    litekeep("remove", f"small@{names[0]}", "--yes", "--force")
    process.send_signal(signal.SIGCONT)
    done = litekeep.finish(process)
    assert done.status == 0 and f"{names[0]} was removed while it was checked" in done.err + done.out, repr(done)
    assert names[1] in done.out and names[2] in done.out
    assert not any(b["damaged"] for b in litekeep("list", "small", "--json").json()["databases"][0]["backups"])
