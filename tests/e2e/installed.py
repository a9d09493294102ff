"""The program as `meson install` puts it into a folder."""
import json
import pathlib
import subprocess

from conftest import PROGRAM, lacking, tool


def build_folder():
    """Where the program that is tested was built; it has the manual pages, too."""
    folder = PROGRAM.resolve().parent
    if not (folder / "docs" / "manual" / "litekeep.1").exists():
        lacking("a build with manual pages (those of sanitizers have none)")
    return folder


def install(destination):
    """Install into `destination` (DESTDIR), and return the prefix below it."""
    folder = build_folder()
    subprocess.run([tool("meson"), "install", "-C", folder, "--no-rebuild", "--quiet", "--destdir", destination], check=True, capture_output=True)
    options = json.loads(subprocess.run([tool("meson"), "introspect", "--buildoptions", folder], check=True, capture_output=True).stdout)
    (prefix,) = [option["value"] for option in options if option["name"] == "prefix"]
    return pathlib.Path(destination) / prefix.lstrip("/")
