"""The static binary does its work where there is nothing but the binary."""
import os
import pathlib
import shutil
import subprocess

import pytest

import oracle
from conftest import lacking, tool


@pytest.fixture
def static():
    path = os.environ.get("LITEKEEP_STATIC")
    if not path:
        lacking("the static binary (LITEKEEP_STATIC)")
    return pathlib.Path(path)


def test_it_needs_no_library(static):
    out = subprocess.run(["readelf", "--wide", "-d", "-l", static], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" not in out and "INTERP" not in out


@pytest.mark.root
def test_it_backs_up_in_an_empty_root(static, corpus, tmp_path):
    root = tmp_path / "root"
    (root / "data").mkdir(parents=True)
    shutil.copyfile(static, root / "litekeep")
    (root / "litekeep").chmod(0o755)
    shutil.copyfile(corpus / "sqlite" / "Chinook_Sqlite.sqlite", root / "data" / "chinook.sqlite")
    done = subprocess.run([tool("chroot"), root, "/litekeep", "--store", "/store", "backup", "--init", "/data"], capture_output=True, env={})
    assert done.returncode == 0, done
    (folder,) = [p for p in (root / "store" / "chinook").iterdir() if p.name.startswith("2")]
    oracle.same(root / "data" / "chinook.sqlite", folder)
    done = subprocess.run([tool("chroot"), root, "/litekeep", "--store", "/store", "--json", "list"], capture_output=True, env={})
    assert done.returncode == 0 and folder.name.encode() in done.stdout
