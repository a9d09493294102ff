#!/usr/bin/env python3
"""The structure of the sources, checked by machine.

  - Includes point downward only: base < batch < {parquet, jsonl, sqlite, store, host} < ops < {cli, ext}. The five never include
    one another, and cli includes litekeep.h and its own headers only.
  - Every header compiles alone.
  - Every header has a guard named after its path.
  - Libraries export names that begin with lk_ (litekeep.h's functions: litekeep_), and no .c file declares another's names by `extern`.
  - No source file is longer than 800 lines (the public interface is one file, whatever its length).

Prints one line for each failure; the last line counts checks: "N checks, N failures".
"""
import pathlib
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
BELOW = {
    "base": set(),
    "batch": {"base"},
    "parquet": {"base", "batch"},
    "jsonl": {"base", "batch"},
    "sqlite": {"base", "batch"},
    "store": {"base", "batch"},
    "host": {"base"},
    "ops": {"base", "batch", "parquet", "jsonl", "sqlite", "store", "host"},
    "ext": {"base", "batch", "parquet", "jsonl", "sqlite", "store", "host", "ops"},
    "cli": set(),
}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
FLAGS = shlex.split("-std=c11 -D_GNU_SOURCE -DLK_VERSION=\"0\" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c")
MOST_LINES = 800


def sources(suffix):
    for folder in ("include", "src"):
        yield from sorted((ROOT / folder).rglob("*" + suffix))


def layer_of(path):
    parts = path.relative_to(ROOT).parts
    return parts[1] if parts[0] == "src" else "include"


def check_includes(path):
    """What this file includes that it must not."""
    layer = layer_of(path)
    for match in INCLUDE.finditer(path.read_text()):
        name = match.group(1) or match.group(2)
        first = name.split("/")[0]
        if "/" in name and first in BELOW:
            if layer == "include":
                yield f"the public header includes {name}"
            elif first != layer and first not in BELOW[layer]:
                yield f"{layer} includes {name}, which is not below it"
        elif name == "litekeep.h" or match.group(2):
            continue
        elif not (path.parent / name).exists():
            yield f"includes {name}, which is neither beside it nor below a layer"


def check_guard(path):
    relative = path.relative_to(ROOT / ("include" if layer_of(path) == "include" else "src"))
    want = re.sub(r"\W", "_", str(relative.with_suffix(""))).upper()
    want = {"LITEKEEP": "LITEKEEP_H"}.get(want, f"LK_{want}_H")
    if f"#ifndef {want}\n#define {want}\n" not in path.read_text():
        yield f"the include guard is not {want}"


def check_text(path):
    text = path.read_text()
    lines = text.count("\n")
    if lines > MOST_LINES and layer_of(path) != "include":
        yield f"{lines} lines: more than {MOST_LINES}"
    if path.suffix == ".c" and re.search(r"^extern\s+(?!\"C\")", text, re.MULTILINE):
        yield "declares another file's name by extern"


def check_compiles_alone(path):
    command = ["gcc", *FLAGS, "-I", ROOT / "include", "-I", ROOT / "src", path]
    done = subprocess.run(command, capture_output=True, text=True)
    # A header compiled as the main file may say "#pragma once in main file"; nothing else is forgiven.
    if done.returncode != 0:
        yield "does not compile alone:\n" + done.stderr.rstrip()


def check_exports(archive):
    public = archive.name == "liblk_ops.a"  # has the functions of litekeep.h too
    done = subprocess.run(["nm", "--defined-only", "--extern-only", archive], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        words = line.split()
        if len(words) == 3 and not words[2].startswith("lk_"):
            if not (public and words[2].startswith("litekeep_")):
                yield f"exports {words[2]}, which does not begin with lk_"


def main():
    checks = failures = 0

    def run(check, path):
        return path, list(check(path))

    jobs = [(check_includes, p) for suffix in (".c", ".h") for p in sources(suffix)]
    jobs += [(check_text, p) for suffix in (".c", ".h") for p in sources(suffix)]
    jobs += [(check_guard, p) for p in sources(".h")]
    jobs += [(check_compiles_alone, p) for p in sources(".h")]
    jobs += [(check_exports, pathlib.Path(a)) for a in sys.argv[1:]]
    with ThreadPoolExecutor(2) as pool:
        for path, complaints in pool.map(lambda job: run(*job), jobs):
            checks += 1
            failures += bool(complaints)
            for complaint in complaints:
                print(f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}: {complaint}")
    print(f"{checks} checks, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
