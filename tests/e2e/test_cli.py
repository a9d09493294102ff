"""The command line: exit codes, output for people and for programs, and wrong usage."""
import json
import os
import pathlib
import pty
import re
import shutil
import sqlite3
import subprocess

import pytest

import awkward
import oracle
from conftest import make_small, tool


@pytest.mark.sanitized
@pytest.mark.parametrize("arguments", [
    ["no-such-command"], ["backup", "--no-such-option", "x"], ["backup", "--format", "xml", "x"], ["backup", "--format", "", "x"],
    ["backup", "--parquet-codec", "brotli", "x"], ["backup", "--parquet-codec", "zstd:99", "x"], ["backup", "--json-codec", "snappy", "x"],
    ["backup", "--jobs", "0", "x"], ["backup", "--jobs", "-1", "x"], ["backup", "--jobs", "two", "x"], ["backup", "--jobs", "99999999999999999999", "x"],
    ["backup", "--memory", "none", "x"], ["backup", "--max-lock", "soon", "x"], ["backup", "--snapshot", "magic", "x"], ["backup", "--if-older-than", "x", "y"],
    ["backup", "--jobs"], ["show"], ["adopt"], ["adopt", "one"], ["adopt", "a", "b", "c"], ["list", "a", "b"]], ids=" ".join)
def test_wrong_usage_is_2_with_a_reason_and_makes_nothing(litekeep, arguments):
    done = litekeep(*arguments, expect=2)
    assert done.out == "" and done.err.strip()
    assert not litekeep.store.exists()


def test_help_and_version_go_to_stdout(litekeep):
    import re
    for arguments in (["--help"], ["help"], ["backup", "--help"], ["scan", "--help"], ["list", "--help"], ["show", "--help"], ["adopt", "--help"]):
        done = litekeep(*arguments, store=False)
        assert "litekeep" in done.out and done.err == ""
    assert re.match(r"litekeep \d+\.\d+\.\d+", litekeep("--version", store=False).out)


def test_help_to_a_full_disk_is_no_success(litekeep):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(litekeep.command("--help", store=False), stdout=full, stderr=subprocess.PIPE, env=litekeep.environment())
    assert done.returncode == 1 and done.stderr


def test_every_option_of_the_design_is_known(litekeep):
    out = litekeep("backup", "--help", store=False).out
    for option in ("format", "parquet-codec", "json-codec", "include", "exclude", "table", "skip-table", "name", "snapshot", "max-lock", "tmp", "jobs",
                   "memory", "if-older-than", "init", "no-verify", "dry-run", "tag"):
        assert f"--{option}" in out, option


def test_global_options_stand_before_or_after_the_command(litekeep, small):
    litekeep("backup", "--init", small, "--store", litekeep.store, store=False)
    before = litekeep("--json", "list").json()
    assert litekeep("list", "--json").json() == before
    assert litekeep("list", "--store", litekeep.store, "--json", store=False).json() == before


def test_exit_codes_of_a_missing_store_database_and_backup(litekeep, small):
    litekeep("list", expect=10)
    litekeep("show", "small", expect=10)
    litekeep.backup(small)
    litekeep("list", "missing", expect=10)
    litekeep("show", "missing", expect=10)
    litekeep("show", "small@2001-01-01", expect=10)
    litekeep("show", "small@latest~7", expect=10)
    done = litekeep("show", "small", "missing", expect=10)
    assert re.search(r'small@(\S+) has no table "missing": litekeep show small@\1 lists its tables', done.err)


def test_a_question_gives_one_json_document_and_work_gives_lines_with_a_type(litekeep, small):
    done = litekeep("--json", "backup", "--init", small)
    events = done.json_lines()
    assert events and all(isinstance(event["type"], str) for event in events)
    for arguments in (["scan", small.parent], ["list"], ["list", "small"], ["show", "small"], ["show", "small", "post"]):
        document = litekeep("--json", *arguments).json()
        assert isinstance(document, dict | list)


def test_json_stays_json_whatever_the_names_and_values(litekeep, awkward_folder, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("names.sqlite3", "values.db", "utf16be.db", "odd \n\x1b[31mname;$(id).db"):
        shutil.copyfile(awkward_folder / name, folder / name)
    litekeep("--json", "backup", "--init", folder).json_lines()
    litekeep("--json", "scan", folder).json()
    litekeep("--json", "list").json()
    for name in litekeep.databases():
        litekeep("--json", "show", name).json()
        litekeep("show", name)
        for table in oracle.Backup(litekeep.latest(name)).tables:
            if table:
                litekeep("--json", "show", "--", name, table).json()
                litekeep("show", "--", name, table)


def test_a_number_that_is_none_is_told_what_is_meant(litekeep):
    assert '"-1" is not a whole number from 0 on' in litekeep("prune", "--keep-last", "-1", expect=2).err


def test_errors_are_json_too(litekeep, tmp_path):
    make_small(tmp_path / "good.db")
    (tmp_path / "false.db").write_text("no database" * 100)
    done = litekeep("--json", "backup", "--init", tmp_path / "false.db", tmp_path / "good.db", expect=3)
    events = done.json_lines()
    assert any("false.db" in json.dumps(event) for event in events)


def test_show_tells_tables_columns_and_rows(litekeep, small):
    litekeep.backup(small)
    out = litekeep("show", "small").out
    assert "post" in out and "kind" in out and "300" in out
    out = litekeep("show", "small", "post").out
    for word in ("id", "text", "likes", "score", "post 1 é"):
        assert word in out
    for json_document in [litekeep("--json", "show", "small", "post").json()]:
        assert "likes" in json.dumps(json_document)


def test_when_is_understood_as_the_design_says(litekeep, small):
    fake = lambda day: [tool("faketime"), "-f", f"{day} 12:00:00"]
    for day in ("2024-05-01", "2024-05-29", "2024-06-01"):
        litekeep.backup(small, before=fake(day))
    ids = [p.name for p in litekeep.backups("small")]
    assert [i[:10] for i in ids] == ["2024-05-01", "2024-05-29", "2024-06-01"]
    expected = {"small": 2, "small@latest": 2, "small@latest~1": 1, "small@latest~2": 0, f"small@{ids[1]}": 1, "small@2024-05-29": 1,
                "small@2024-05-29T23:00:00Z": 1, "small@2024-05-30T00:00:00Z": 1, "small@2024-06-01T12:00:00Z": 2, "small@2024-05-29T": 1, "small@2024-06": 2}
    for argument, index in expected.items():
        assert ids[index] in litekeep("show", argument).out, argument
    assert ids[0] in litekeep("show", "small@20d", before=fake("2024-06-01")).out
    litekeep("show", "small@2024-05", expect=2)  # two begin with it
    litekeep("show", "small@2024-04-30T00:00:00Z", expect=10)


def test_a_database_may_be_given_by_its_path_and_by_a_name_with_an_at(litekeep, tmp_path):
    path = tmp_path / "me@home.db"
    make_small(path)
    litekeep.backup(path)
    assert litekeep.latest().name in litekeep("show", path).out
    (name,) = litekeep.databases()
    assert litekeep.latest().name in litekeep("show", f"{name}@latest").out


def test_quiet_says_nothing_and_verbose_says_more(litekeep, small):
    assert (litekeep("-q", "backup", "--init", small).err) == ""
    plain = litekeep("backup", small)
    verbose = litekeep("-v", "backup", small)
    assert len(verbose.out + verbose.err) >= len(plain.out + plain.err)


def test_colours_and_progress_appear_on_a_terminal_only(litekeep, yardstick, tmp_path):
    own = tmp_path / "posts.db"
    shutil.copyfile(yardstick, own)
    litekeep.backup(own)  # conftest.sane refuses any escape sequence in a pipe

    def on_terminal(**env):
        leader, follower = pty.openpty()
        process = subprocess.Popen(litekeep.command("backup", own), stdin=subprocess.DEVNULL, stdout=follower, stderr=follower,
                                   env=litekeep.environment(TERM="xterm-256color", **env))
        os.close(follower)
        seen = b""
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk
        assert process.wait() == 0
        os.close(leader)
        return seen

    import re
    colour = re.compile(rb"\x1b\[[0-9;]*m")
    assert not colour.search(on_terminal(NO_COLOR="1"))
    assert b"posts" in on_terminal()


def test_a_closed_stdout_does_not_lose_the_backup(litekeep, small):
    process = litekeep.start("backup", "--init", small)
    process.stdout.close()
    process.stderr.read()
    process.wait(timeout=60)
    assert litekeep.backups("small"), "the work was done"
    oracle.same(small, litekeep.latest())


def test_missing_standard_descriptors_do_not_damage_a_backup(litekeep, small):
    """With 0, 1 and 2 closed, the first files opened get their numbers: a message must not be written into them."""
    subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *litekeep.command("backup", "--init", small)], env=litekeep.environment())
    subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *litekeep.command("backup", "--init", small, small.parent / "missing.db")], env=litekeep.environment())
    for folder in litekeep.backups("small"):
        oracle.same(small, folder)
    assert litekeep.backups("small")


def test_a_locale_of_any_kind_changes_no_byte(litekeep, awkward_folder, tmp_path):
    own = tmp_path / "values.db"
    shutil.copyfile(awkward_folder / "values.db", own)
    for number, locale in enumerate(["C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8"]):
        litekeep.backup(own, env={"LC_ALL": locale, "LANG": locale}, store=tmp_path / f"s{number}")
    outputs = [{str(p.relative_to(f)): p.read_bytes() for d in ("json", "parquet") for p in (f / d).rglob("*") if p.is_file()}
               for f in (litekeep.latest(store=tmp_path / f"s{n}") for n in range(4))]
    assert all(output == outputs[0] for output in outputs) and outputs[0]


@pytest.mark.sanitized
@pytest.mark.parametrize("lost", ["parts", "columns"])
def test_a_manifest_that_says_too_little_of_a_table_is_no_crash(litekeep, tmp_path, lost):
    path = tmp_path / "empty.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t (a)")
    db.close()
    litekeep.backup(path)
    manifest = litekeep.latest() / "manifest.json"
    content = json.loads(manifest.read_bytes())
    content["tables"][0][lost] = []
    if lost == "columns":
        del content["tables"][0][lost]
    manifest.chmod(0o600)
    manifest.write_text(json.dumps(content))
    done = litekeep("show", "empty", "t", expect=(0, 3, 5))
    assert done.status == 0 or done.err.strip(), "no reason is given"
