"""make install puts a program there that works, with its manual and completions; make uninstall takes away just that."""
import os
import pathlib
import re
import stat
import subprocess

import pytest

import installed
from conftest import ROOT, Litekeep, make_small, tool


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """The Makefile of the sources, with the build of the program that is tested."""
    folder = tmp_path_factory.mktemp("make")
    (folder / "build").mkdir()
    (folder / "build" / "release").symlink_to(installed.build_folder())
    for name in ("Makefile", "uninstall.sh"):
        (folder / name).symlink_to(ROOT / name)

    def run(target, destination, expect=0):
        done = subprocess.run([tool("make"), target, f"DESTDIR={destination}", "PREFIX=/usr/local"], cwd=folder, capture_output=True, text=True)
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    return run


def tree(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_what_is_installed_works_and_uninstall_leaves_nothing(make, tmp_path):
    destination = tmp_path / "a new place"
    make("install", destination)
    prefix = destination / "usr" / "local"
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if not path.is_dir()}
    assert {"bin/litekeep", "include/litekeep.h", "share/man/man1/litekeep.1", "share/man/man1/litekeep-backup.1", "share/man/man5/litekeep-config.5",
            "share/man/man5/litekeep-store.5", "share/bash-completion/completions/litekeep", "share/zsh/site-functions/_litekeep",
            "share/fish/vendor_completions.d/litekeep.fish"} <= files
    assert not any("litekeep-manual" in name for name in files)
    for path in prefix.rglob("*"):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = {0o755} if path.is_dir() or path.parent.name == "bin" else {0o644, 0o755} if ".so" in path.name else {0o644}
        assert mode in wanted, (path, oct(mode))

    litekeep = Litekeep(tmp_path)
    litekeep.program = prefix / "bin" / "litekeep"
    make_small(tmp_path / "small.db", rows=3)
    litekeep.backup(tmp_path / "small.db")
    assert litekeep.databases() == ["small"]

    where = {"MANPATH": str(prefix / "share" / "man"), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    for name in ("litekeep", "litekeep-backup", "litekeep-store"):
        found = subprocess.run([tool("man"), "-w", name], env=where, capture_output=True, text=True, check=True).stdout
        assert pathlib.Path(found.strip()).is_relative_to(prefix), found

    make("uninstall", destination)
    assert not destination.exists()


def test_uninstall_keeps_what_was_there_before_and_what_came_after(make, tmp_path):
    before = tmp_path / "usr" / "local" / "bin"
    before.mkdir(parents=True)
    (tmp_path / "usr" / "local" / "share" / "man" / "man1").mkdir(parents=True)
    (before / "litekeep-of-mine").touch()
    there = tree(tmp_path)
    make("install", tmp_path)
    after = tmp_path / "usr" / "local" / "share" / "fish" / "vendor_completions.d" / "other.fish"
    after.touch()
    make("install", tmp_path)  # a second time: the folders are there already
    other = tmp_path.parent / f"{tmp_path.name}-other"
    make("install", other)
    make("uninstall", tmp_path)
    assert tree(tmp_path) == \
        there | {"usr/local/share/fish", "usr/local/share/fish/vendor_completions.d", "usr/local/share/fish/vendor_completions.d/other.fish"}
    assert (other / "usr" / "local" / "bin" / "litekeep").exists(), "another place is another installation"
    make("uninstall", other)
    assert not other.exists()
    assert "0 files removed" in make("uninstall", tmp_path).stdout


def test_uninstall_without_an_installation_says_what_to_do(tmp_path):
    done = subprocess.run([ROOT / "uninstall.sh", tmp_path / "none", tmp_path, "/usr"], capture_output=True, text=True)
    assert done.returncode == 1 and "run make install" in done.stderr


def test_the_list_of_pages_in_the_build_cannot_fall_behind(tmp_path):
    """litekeep-manual refuses when a command has no page, and when a template has an unknown placeholder."""
    program = installed.build_folder() / "docs" / "manual" / "litekeep-manual"
    (tmp_path / "litekeep.1.in").write_text("@TITLE litekeep 1@\n@NONSENSE@\n")
    done = subprocess.run([program, tmp_path, ROOT / "docs" / "STORE.md", tmp_path / "litekeep.1"], capture_output=True, text=True)
    assert done.returncode == 1 and re.search(r"litekeep\.1\.in:2: no such placeholder", done.stderr)
    assert "every command exactly once" in done.stderr
    done = subprocess.run([program, tmp_path, ROOT / "docs" / "STORE.md", tmp_path / "litekeep-fly.1"], capture_output=True, text=True)
    assert done.returncode == 1 and "no such template" in done.stderr
