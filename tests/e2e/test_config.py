"""The config file: what it says happens, the command line beats it, and a broken one does no harm."""

import json
import os
import sqlite3
import stat

import pytest


def make(path, rows=20, tables=("t",)):
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as db:
        for table in tables:
            db.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY, v TEXT)")
            db.executemany(f"INSERT INTO {table}(v) VALUES (?)", [(f"value {i}",) for i in range(rows)])
    db.close()
    return path


def write(litekeep, text, name=".config/litekeep/config.ini", mode=0o600):
    path = litekeep.home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def newest(litekeep, database, store=None):
    return sorted(p for p in ((store or litekeep.store) / database).iterdir() if p.name[0].isdigit())[-1]


def manifest(litekeep, database, store=None):
    return json.loads((newest(litekeep, database, store) / "manifest.json").read_text())


def files(litekeep, database):
    top = newest(litekeep, database)
    return sorted(str(p.relative_to(top)) for p in top.rglob("*") if p.is_file() and p.parent != top)


@pytest.mark.sanitized
def test_databases_are_written_as_their_sections_say(litekeep):
    make(litekeep.home / "data/a.db", tables=("t", "tmp_x"))
    make(litekeep.home / "data/deep/b.db")
    make(litekeep.home / "data/deep/c.db")
    write(litekeep, "[litekeep]\npaths = ~/data\nexclude = */c.db\nskip-table = tmp_*\ntag = nightly\n"
              "[~/data/deep]\nformat = json\njson-codec = zstd:3\n"
              "[~/data/a.db]\nformat = parquet, sqlite\nparquet-codec = snappy\nname = first\nverify = no\n")
    litekeep("backup", "--init", cwd="/")
    assert files(litekeep, "first") == ["parquet/t.parquet", "sqlite/first.sqlite.zst"]
    assert files(litekeep, "b") == ["json/t.json.zst"]
    assert not (litekeep.store / "c").exists()
    first, b = manifest(litekeep, "first"), manifest(litekeep, "b")
    assert [first["tags"], b["tags"]] == [["nightly"]] * 2
    assert "snappy" in json.dumps(first["formats"]) and "zstd" in json.dumps(b["formats"])
    assert not any(p.get("verified_at") for t in first["tables"] for p in t["parts"])
    assert all(p["verified_at"] for t in b["tables"] for p in t["parts"])
    litekeep("verify")
    litekeep("restore", "b", "--to", litekeep.home / "back.db")
    with sqlite3.connect(litekeep.home / "back.db") as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (20,)
    db.close()


def test_the_command_line_beats_the_environment_beats_the_file(litekeep):
    make(litekeep.home / "data/a.db")
    make(litekeep.home / "other/o.db")
    write(litekeep, f"[litekeep]\nstore = {litekeep.home}/of-file\npaths = ~/data\nformat = json\nif-older-than = 1h\ntag = file\n"
              "[a]\ntag = section\n")
    litekeep("backup", "--init", store=False)
    assert manifest(litekeep, "a", litekeep.home / "of-file")["tags"] == ["section"]
    litekeep("backup", "--init", store=False, env={"LITEKEEP_STORE": str(litekeep.home / "of-environment")})
    litekeep("backup", "--init", store=litekeep.home / "of-flag", env={"LITEKEEP_STORE": str(litekeep.home / "of-environment")})
    assert all((litekeep.home / name / "a").is_dir() for name in ("of-file", "of-environment", "of-flag"))
    skipped = litekeep("backup", "--json", store=False).json_lines()
    assert skipped[-1]["skipped"] == 1
    done = litekeep("backup", "--json", "--if-older-than", "0s", "--format", "parquet", store=False)
    assert done.json_lines()[-1]["done"] == 1
    got = manifest(litekeep, "a", litekeep.home / "of-file")
    assert got["tags"] == ["section"]
    assert [p.name for p in newest(litekeep, "a", litekeep.home / "of-file").iterdir() if p.is_dir()] == ["parquet"]
    litekeep("backup", "--tag", "flag", "--if-older-than", "0s", store=False)
    assert manifest(litekeep, "a", litekeep.home / "of-file")["tags"] == ["flag"]
    # A path that is given takes the place of those of the file; another file that of the usual one.
    litekeep("backup", litekeep.home / "other", store=False)
    assert (litekeep.home / "of-file/o").is_dir()
    another = write(litekeep, "[litekeep]\nstore = ~/of-another\n", name="another.ini")
    litekeep("backup", "--init", litekeep.home / "other", store=False, env={"LITEKEEP_CONFIG": str(another)})
    assert (litekeep.home / "of-another/o").is_dir()
    litekeep("--config", "/dev/null", "backup", litekeep.home / "other", store=False)
    assert (litekeep.home / ".local/share/litekeep/o").is_dir()
    litekeep("--config", litekeep.home / "none.ini", "backup", litekeep.home / "other", expect=10)


def test_scan_takes_the_paths_of_the_config(litekeep):
    make(litekeep.home / "data/a.db")
    make(litekeep.home / "data/cache/b.db")
    write(litekeep, "[litekeep]\npaths = ~/data\nexclude = */cache/*\n")
    assert "a.db" in litekeep("scan", cwd="/").out
    assert "b.db" not in litekeep("scan", cwd="/").out
    assert "b.db" in litekeep("scan", "--exclude", "*/a.db", cwd="/").out


@pytest.mark.sanitized
@pytest.mark.parametrize("line, message", [
    ("fromat = json", ':3: unknown key "fromat"; did you mean format?'),
    ("format = csv", ":3: bad value"),
    ("just words", ":3: neither [section] nor key = value"),
    ("[litekeep]", ":3: section [litekeep] stands already in line 2"),
    ("keep-last = 1\nkeep-last = 1", ":4: keep-last stands already in line 3"),
])
def test_a_broken_config_stops_what_deletes_or_judges_and_says_where(litekeep, line, message):
    make(litekeep.home / "data/a.db")
    litekeep("backup", "--init", litekeep.home / "data")
    litekeep("backup", litekeep.home / "data")
    before = sorted(p.name for p in (litekeep.store / "a").iterdir() if p.name[0].isdigit())
    path = write(litekeep, f"# mine\n[litekeep]\n{line}\n")
    for command in (["backup", litekeep.home / "data"], ["prune"], ["prune", "--keep-last", "1"], ["config", "check"], ["config", "show"]):
        assert f"{path}{message}" in litekeep(*command, expect=2).err
    assert sorted(p.name for p in (litekeep.store / "a").iterdir() if p.name[0].isdigit()) == before
    # What brings data back needs no config.
    for command in (["list"], ["show", "a"], ["query", "a", "SELECT count(*) FROM t"], ["verify"], ["diff", "a@latest~1", "a"],
                    ["restore", "a", "--to", litekeep.home / "back.db"], ["restore", "a", "--to", litekeep.home / "data/a.db", "--force"]):
        litekeep(*command)
    assert f"{path}{message}" in litekeep("list", store=False, expect=2).err  # nothing says where the store is


def test_a_config_that_others_may_write_to_is_refused(litekeep):
    make(litekeep.home / "data/a.db")
    path = write(litekeep, "[litekeep]\n", mode=0o666)
    assert "chmod go-w" in litekeep("backup", "--init", litekeep.home / "data", expect=6).err
    path.chmod(0o644)
    litekeep("backup", "--init", litekeep.home / "data")


def test_access_group_opens_the_store_to_the_group(litekeep):
    make(litekeep.home / "data/a.db")
    path = write(litekeep, "[litekeep]\naccess = group\n")
    litekeep("backup", "--init", litekeep.home / "data")
    for place in [litekeep.store, *litekeep.store.rglob("*")]:
        mode = stat.S_IMODE(place.stat().st_mode)
        assert mode & 0o027 == 0 and mode & 0o040, (place, oct(mode))
    assert stat.S_IMODE(newest(litekeep, "a").stat().st_mode) == 0o750
    assert stat.S_IMODE((newest(litekeep, "a") / "manifest.json").stat().st_mode) == 0o440
    path.unlink()
    private = litekeep.home / "private"
    litekeep("backup", "--init", litekeep.home / "data", store=private)
    write(litekeep, "[litekeep]\naccess = group\n")
    assert "chmod -R g+rX" in litekeep("backup", litekeep.home / "data", store=private).err


def test_another_store_than_expected_is_noticed_and_none_is_made(litekeep):
    make(litekeep.home / "data/a.db")
    disk = litekeep.home / "disk"
    litekeep("backup", "--init", litekeep.home / "data", store=disk)
    uuid = json.loads((disk / "litekeep-store.json").read_text())["uuid"]
    write(litekeep, f"[litekeep]\nstore = ~/disk\nstore-uuid = {uuid}\npaths = ~/data\n")
    litekeep("backup", store=False)
    litekeep("config", "check", store=False)
    os.rename(disk, litekeep.home / "elsewhere")
    disk.mkdir()
    for command in (["backup"], ["backup", "--init"], ["list"]):
        assert "mounted" in litekeep(*command, store=False, expect=10).err
    assert list(disk.iterdir()) == []
    litekeep("backup", "--init", litekeep.home / "data", store=litekeep.home / "third")  # one that the config is not about
    os.rmdir(disk)
    os.rename(litekeep.home / "third", disk)
    assert "another store" in litekeep("backup", store=False, expect=10).err
    assert "another store" in litekeep("config", "check", store=False, expect=1).out


def test_a_store_in_a_work_tree_is_allowed_by_the_config_alone(litekeep):
    make(litekeep.home / "data/a.db")
    (litekeep.home / "tree/.git").mkdir(parents=True)
    store = litekeep.home / "tree/store"
    litekeep("backup", "--init", litekeep.home / "data", store=store, expect=6)
    write(litekeep, "[litekeep]\nstore-in-work-tree = yes\n")
    litekeep("backup", "--init", litekeep.home / "data", store=store)


def test_snapshot_auto_on_the_command_line_beats_copy_in_the_file(litekeep):
    make(litekeep.home / "data/a.db")
    write(litekeep, "[litekeep]\nsnapshot = copy\n")
    how = lambda *options: litekeep("backup", "--init", "--json", litekeep.home / "data", *options).json_lines()[-2]["snapshot"]
    assert how() != "read"
    assert how("--snapshot", "auto") == "read"


@pytest.mark.sanitized
def test_show_says_what_holds_and_where_it_stands(litekeep):
    make(litekeep.home / "data/a.db")
    path = write(litekeep, "[litekeep]\npaths = ~/data\nkeep-last = 3\nnotify-url = https://x.example/secret\n"
                     "[~/data]\nkeep-last = 4\nalarm-rows log* = off\n[a]\nformat = json\n")
    litekeep("backup", "--init")
    general = {s["key"]: s for s in litekeep("config", "show", "--json").json()["settings"]}
    assert general["keep-last"] == {"key": "keep-last", "value": "3", "origin": "line 3"}
    assert general["format"]["origin"] == "default"
    assert general["notify-url"]["value"] == "(set)"
    for what in ("a", litekeep.home / "data/a.db"):
        shown = {s["key"]: s for s in litekeep("config", "show", what, "--json").json()["settings"]}
        assert shown["keep-last"] == {"key": "keep-last", "value": "4", "origin": "line 6"}
        assert shown["alarm-rows log*"]["value"] == "off"
        assert shown["format"] == {"key": "format", "value": "json", "origin": "line 9"}
        assert "store" not in shown
    text = litekeep("config", "show")
    assert "line 3" in text.out and str(path) in text.out and "secret" not in text.out + text.err
    litekeep("config", "show", "nothing", expect=10)
    litekeep("config", "list", expect=2)
    litekeep("config", "check", "a", expect=2)
    litekeep("config", "show", "--send-test", expect=2)


@pytest.mark.sanitized
def test_check_names_what_is_not_there(litekeep):
    make(litekeep.home / "data/a.db")
    litekeep("backup", "--init", litekeep.home / "data")
    assert "defaults hold" in litekeep("config", "check").out
    write(litekeep, "[litekeep]\npaths = ~/data\nkeep-last = 1\n[~/data/a.db]\ntag = x\n[a]\ntag = y\n")
    good = litekeep("config", "check", "--json").json()
    assert good["problems"] == [] and good["notes"] == [] and good["sections"] == 3 and good["sent"] is None
    (litekeep.home / "token").write_text("x")
    (litekeep.home / "token").chmod(0o644)
    write(litekeep, "[litekeep]\npaths = ~/data, ~/gone\nkeep-last = 0\nnotify-command = /no/such 'program x'\n"
              "notify-url = https://x.example\nnotify-token-file = ~/token\nnotify-url-file = ~/no-file\n"
              "notify-log = ~/no-folder/log\ntmp = ~/no-tmp\n[post]\ntag = x\n[~/nowhere]\ntag = y\n", mode=0o644)
    done = litekeep("config", "check", "--json", expect=1)
    problems, notes = "\n".join(done.json()["problems"]), "\n".join(done.json()["notes"])
    for part in ("paths: ", "keep nothing", "notify-command: /no/such", "notify-token-file", "chmod 600", "notify-url-file",
                 "notify-log", "tmp: "):
        assert part in problems, (part, problems)
    for part in ("[post]", "nowhere]", "others may read this file"):
        assert part in notes, (part, notes)
    assert "problem: " in litekeep("config", "check", expect=1).out


def test_no_config_is_read_from_a_broken_place(litekeep):
    """A folder or a FIFO where the config should be is an error, and nothing waits for it."""
    make(litekeep.home / "data/a.db")
    path = litekeep.home / "fifo.ini"
    os.mkfifo(path)
    assert "no regular file" in litekeep("--config", path, "backup", "--init", litekeep.home / "data", expect=2).err
    assert "no regular file" in litekeep("--config", litekeep.home, "backup", "--init", litekeep.home / "data", expect=2).err
    litekeep("--config", "/dev/null", "backup", "--init", litekeep.home / "data")


def test_scan_without_a_path_advises_a_backup_without_one(litekeep, small, tmp_path):
    """Both take `paths` of the config then; "." would be another folder."""
    path = litekeep.home / "config.ini"
    path.write_text(f"[litekeep]\npaths = {small.parent}\n")
    path.chmod(0o600)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out = litekeep("--config", path, "scan", cwd=elsewhere).out
    assert "never backed up: litekeep backup\n" in out
