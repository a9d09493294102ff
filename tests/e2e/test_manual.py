"""Manual pages and completions: made from the tables of commands and options, so what --help says is what they say.

What is true is taken from the program's --help, never from its sources.
"""
import json
import pathlib
import re
import shlex
import subprocess

import pytest

import installed
import shells
from conftest import PROGRAM, Litekeep, make_small, tool

SOURCES = pathlib.Path(__file__).resolve().parent.parent.parent
OPTION = re.compile(r"^ {2}(?:-(\w), | {4})--([a-z][a-z-]*)", re.MULTILINE)
CODE = re.compile(r"^ +(\d+)  ", re.MULTILINE)


@pytest.fixture(scope="module")
def share(tmp_path_factory):
    return installed.install(tmp_path_factory.mktemp("installed")) / "share"


@pytest.fixture(scope="module")
def helps(tmp_path_factory):
    """--help of each command that the overview names."""
    litekeep = Litekeep(tmp_path_factory.mktemp("home"))
    overview = litekeep("help", store=False).out
    names = re.findall(r"^  ([a-z]+)(?: |$)", overview.split("Options of every command:")[0], re.MULTILINE)
    assert {"backup", "restore", "schedule", "config", "version"} <= set(names)
    return {name: litekeep(name, "--help", store=False).out for name in names}


def options_of(text):
    return {name for _, name in OPTION.findall(text.split("\nExamples:")[0])}


def render(page, *options, width=100):
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": str(width), "MAN_KEEP_FORMATTING": "", "HOME": "/nonexistent"}
    done = subprocess.run([tool("man"), *options, "-P", "cat", "-l", page], capture_output=True, env=env, check=True)
    return re.sub(".\b", "", done.stdout.decode()), done.stderr.decode()


def pages(share):
    found = sorted((share / "man").rglob("*.[15]"))
    assert found
    return found


def test_every_command_has_a_page_and_every_page_a_command(share, helps):
    names = {page.name for page in pages(share)}
    assert names == {"litekeep.1", "litekeep-config.5", "litekeep-store.5"} | {f"litekeep-{name}.1" for name in helps}
    assert {p.name for p in (share / "man").rglob("*") if p.is_file()} == names


def test_a_page_has_every_option_and_exit_code_of_the_help_and_no_other(share, helps):
    for name, text in helps.items():
        page, _ = render(share / "man" / "man1" / f"litekeep-{name}.1", width=1000)
        section = re.search(r"^OPTIONS\n(.*?)^[A-Z]", page, re.MULTILINE | re.DOTALL)[1]
        assert set(re.findall(r"^ +(?:-\w, )?--([a-z][a-z-]*)", section, re.MULTILINE)) == options_of(text), name
        for line in text.split("\nOptions", 1)[-1].split("\nExamples:")[0].splitlines():
            fallback = re.search(r"\(default: ([^ ,)]+)", line)
            assert not fallback or fallback[1] in section, (name, line)
        codes = re.search(r"^EXIT STATUS\n(.*?)^[A-Z]", page, re.MULTILINE | re.DOTALL)[1]
        assert CODE.findall(codes) == CODE.findall(text.split("Exit codes:")[1]), name
        usage = text.splitlines()[0].removeprefix("Usage: litekeep ").replace("[OPTION...] ", "").split(" ", 1)
        assert usage[0] == name and (len(usage) == 1 or usage[1] in page.split("SYNOPSIS")[1].split("DESCRIPTION")[0]), name


def test_examples_of_the_help_are_in_the_page_letter_by_letter(share, helps):
    for name, text in helps.items():
        page, _ = render(share / "man" / "man1" / f"litekeep-{name}.1", width=1000)
        for example in re.findall(r"^  (litekeep .*)$", text.split("\nExamples:")[-1], re.MULTILINE):
            assert example in page, (name, example)


def test_no_page_gives_a_warning_and_each_has_a_name_for_whatis(share):
    for page in pages(share):
        for width in (60, 80):
            text, warnings = render(page, "--warnings", width=width)
            assert warnings == "", f"{page.name}: {warnings}"
        assert not re.search("^ *@[A-Z]+@", text, re.MULTILINE), f"{page.name}: a placeholder was left"
        done = subprocess.run([tool("lexgrog"), page], capture_output=True, text=True, check=True)
        assert re.search(rf'"{page.stem} - .+"', done.stdout), done.stdout


def test_a_page_refers_to_pages_that_are_there(share):
    names = {(page.stem, page.suffix[1:]) for page in pages(share)}
    for page in pages(share):
        text, _ = render(page, width=1000)
        for reference in re.findall(r"\b(litekeep(?:-[a-z]+)?)\((\d)\)", text):
            assert reference in names, (page.name, reference)
        for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO"):
            assert re.search(rf"^{section}$", text, re.MULTILINE), (page.name, section)


def test_the_page_of_the_store_draws_the_layout_that_the_format_specifies(share):
    page, _ = render(share / "man" / "man5" / "litekeep-store.5", width=200)
    layout = (SOURCES / "docs" / "STORE.md").read_text().split("## Layout\n\n")[1].split("\n\n")[0]
    drawn = [line.strip() for line in page.splitlines()]
    for line in layout.splitlines():
        assert line.strip() in drawn


def test_the_page_of_the_config_has_every_key_with_its_default(share, litekeep):
    page, _ = render(share / "man" / "man5" / "litekeep-config.5", width=1000)
    keys = re.search(r"^KEYS\n(.*?)^[A-Z]", page, re.MULTILINE | re.DOTALL)[1]
    settings = litekeep("--json", "config", "show").json()["settings"]
    assert len(settings) > 20
    for setting in settings:
        entry = re.search(rf"^ +{re.escape(setting['key'])} .*= .*\n((?: {{9,}}.*\n)+)", keys, re.MULTILINE)
        assert entry, setting["key"]
        assert "Default: " in entry[1], setting["key"]


def test_the_environment_is_told_as_it_is_read(share):
    page, _ = render(share / "man" / "man1" / "litekeep.1", width=200)
    told = set(re.findall(r"^ +([A-Z][A-Z_]+)(?: |$)", page.split("\nENVIRONMENT\n")[1].split("\nFILES\n")[0], re.MULTILINE))
    read = set()
    for source in (SOURCES / "src").rglob("*.c"):
        read |= set(re.findall(r'getenv\("(\w+)"\)', source.read_text()))
    # Of the surroundings rather than of litekeep.
    assert read - told <= {"TERM", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "PATH", "SHELL", "USERNAME"}
    assert told <= read


HOSTILE = ["it's", "two words", 'quo"te', "$(touch pwned)", "`touch pwned`", "a;touch pwned", "star*", "back\\slash", "é"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A home with a store that has plain and hostile names, and files to complete."""
    home = tmp_path_factory.mktemp("completion")
    litekeep = Litekeep(home)
    litekeep.store = home / ".local" / "share" / "litekeep"
    (home / "data").mkdir()
    for name in ("posts", "postcards", "shop"):
        make_small(home / "data" / f"{name}.db", rows=3)
    litekeep("backup", home / "data", store=False)
    for name in [*HOSTILE, "line\nbreak", "c1\x9b break", "bidi\u202e break"]:
        (litekeep.store / f"post {name}").mkdir()
    (home / "bin").mkdir()
    (home / "bin" / "litekeep").symlink_to(PROGRAM.resolve())
    (home / "file with blank.db").touch()
    litekeep.id = litekeep.latest("posts").name
    other = home / "other store"
    litekeep("backup", "--init", home / "data" / "shop.db", store=other)
    return litekeep


@pytest.fixture(scope="module", params=["bash", "bash with bash-completion", "zsh", "fish"])
def shell(request, world, share, tmp_path_factory):
    name = request.param.split()[0]
    tool(name)
    env = {**world.environment(), "PATH": f"{world.home / 'bin'}:/usr/bin:/bin", "XDG_DATA_HOME": ""}
    del env["XDG_DATA_HOME"]
    if name == "bash":
        script = share / "bash-completion" / "completions" / "litekeep"
        general = pathlib.Path("/usr/share/bash-completion/bash_completion")
        loader = f"source {shlex.quote(str(script))}"
        if request.param != "bash":
            if not general.exists():
                tool("bash-completion")
            loader = f"source {general}"
            env["XDG_DATA_DIRS"] = f"{share}:/usr/share"
        started = shells.bash(env, world.home, loader)
    elif name == "zsh":
        started = shells.zsh(share / "zsh" / "site-functions", env, world.home)
    else:
        started = shells.Fish(share / "fish" / "vendor_completions.d", env, world.home)
    started.name = name
    yield started
    started.close()


def bare(words):
    """Without the equals sign or blank that a shell puts behind."""
    return {word.rstrip("=") for word in words}


def test_commands_are_completed(shell, helps):
    assert set(shell("litekeep ")) >= set(helps)
    assert shell("litekeep ba") == ["backup"]
    assert shell("litekeep --store /x ba") == ["backup"]
    assert shell("litekeep --store=/x -q sche") == ["schedule"]
    assert set(shell("litekeep help re")) == {name for name in helps if name.startswith("re")}


def test_every_option_of_every_command_is_completed(shell, helps):
    for name, text in helps.items():
        offered = bare(shell(f"litekeep {name} --"))
        assert {word for word in offered if word.startswith("--") and word != "--"} == {f"--{option}" for option in options_of(text)}, name


def test_words_of_an_option_are_completed(shell):
    assert set(shell("litekeep backup --snapshot ")) == {"auto", "read", "copy"}
    assert set(bare(shell("litekeep backup --parquet-codec z"))) == {"zstd"}
    offered = shell("litekeep backup --format parquet,j")
    assert [word.rstrip(",").split(",")[-1] for word in offered] == ["json"] and offered[0].startswith("parquet,")
    offered = shell("litekeep backup --snapshot=a")
    assert [word.split("=")[-1] for word in offered] == ["auto"]


def test_words_of_a_usage_line_are_completed(shell):
    assert set(shell("litekeep schedule ")) == {"install", "show", "remove"}
    assert set(shell("litekeep config ")) == {"check", "show"}
    assert shell("litekeep --config=/dev/null config ch") == ["check"]


def test_databases_of_the_store_are_completed(shell, world):
    assert "shop" in shell("litekeep list ")
    assert shell("litekeep show sh") == ["shop"]
    assert shell("litekeep restore postc") == ["postcards"]
    assert "shop" in shell("litekeep verify posts sh")
    home = world.home
    assert "shop" not in shell(f"litekeep --store {home}/nothing show sh")
    assert shell(f"litekeep --store {home}/other\\ store show sh") == ["shop"]
    assert shell("litekeep --store ~/other\\ store show sh") == ["shop"]
    assert "shop" in shell("litekeep --store=~/other\\ store show sh")
    assert "postcards" not in shell(f"litekeep --store {home}/other\\ store show postc")


def test_backups_of_a_database_are_completed(shell, world):
    # Where bash breaks words at "@", it is put in again for each but the first.
    offered = {word if word.startswith("posts") else f"posts{word}" for word in shell("litekeep show posts@")}
    assert offered == {"posts@latest", f"posts@{world.id}"}
    assert shell("litekeep show posts@l") == ["posts@latest"]
    assert shell("litekeep diff posts posts@2") == [f"posts@{world.id}"]


def test_files_and_folders_are_completed(shell):
    assert [word.rstrip("/") for word in shell("litekeep backup da")] == ["data"]
    assert set(shell("litekeep backup data/pos")) == {"data/posts.db", "data/postcards.db"}
    assert shell("litekeep scan --store=da")[0].rstrip("/").endswith("data")
    assert shell("litekeep list data/sh") == ["data/shop.db"]
    assert "shop" not in shell("litekeep backup sh")


def test_the_words_behind_two_dashes_are_those_of_another_command(shell):
    assert "mkdir" in shell("litekeep run data -- mkd")
    assert "data" in {word.rstrip("/") for word in shell("litekeep run data -- ls da")}
    assert "backup" not in shell("litekeep run -- backu")


def test_hostile_names_are_offered_quoted_and_run_nothing(shell, world):
    if shell.name == "fish":
        for name in HOSTILE:
            assert f"post {name}" in shell("litekeep show post"), name
        return
    line = shell.press("litekeep show post" + shells.ALL)
    words = subprocess.run([shell.name, "-c", f"printf '%s\\0' {line.removeprefix('litekeep show ')}"], cwd=world.home, capture_output=True).stdout
    offered = set(words.decode().split("\0")[:-1])
    assert offered >= {"posts", "postcards", *(f"post {name}" for name in HOSTILE)}
    assert not any("break" in word for word in offered)
    assert list(world.home.rglob("pwned")) == []
    shell.press("litekeep show 'post $(" + shells.ALL)
    shell.press('litekeep show "post ' + shells.ALL)
    shell.press("litekeep show $(touch pwned)" + shells.ALL)
    shell.press("litekeep --store '$(touch pwned)' show " + shells.ALL)
    shell.press("litekeep --store $(touch pwned) show " + shells.ALL)
    shell.press("litekeep 'a[$(touch pwned)]' " + shells.ALL)
    assert list(world.home.rglob("pwned")) == []


def test_a_store_that_is_broken_or_a_config_that_is_wrong_disturbs_no_line(shell, world):
    (world.home / "wrong.ini").write_text("nonsense\n")
    assert shell("litekeep --config wrong.ini show zz") == []
    assert shell("litekeep --store /dev/null show zz") == []
    assert shell("litekeep --store no-such-store show zz@") == []


def test_the_list_of_names_is_quiet_and_quick(world):
    out = world("complete", store=False).out.splitlines()
    assert out[:1] == ["post $(touch pwned)"] and "shop" in out and not any("break" in line for line in out)
    assert world("complete", "posts@", store=False).out.splitlines() == ["posts@latest", f"posts@{world.id}"]
    for what in ("../data@", ".@", "@", "/@", "no-such@", "x" * 5000 + "@"):
        assert world("complete", "--", what, store=False).out == ""
    assert "complete" not in world("help", store=False).out
