"""What the benchmarks share: one process measured, sizes, a clean start."""
import shutil
import subprocess
import sys
import tempfile
import time


class Run:
    """One process, its children counted: wall and CPU seconds, peak of resident memory in MB.

    GNU time starts it, since a process keeps the peak of the one that forked it: Python's own would hide a small one.
    `output` is what it printed."""

    def __init__(self, command, stdin=None):
        with tempfile.NamedTemporaryFile("r") as report, open(stdin or "/dev/null", "rb") as source:
            begun = time.monotonic()
            done = subprocess.run(["/usr/bin/time", "--format=%U %S %M", f"--output={report.name}", *map(str, command)],
                                  stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.wall = time.monotonic() - begun
            if done.returncode != 0:
                sys.exit(f"{command[0]} failed with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
            user, system, memory = report.read().split()[-3:]
        self.cpu = float(user) + float(system)
        self.memory = int(memory) / 1024
        self.output = done.stdout.decode(errors="replace").strip()


def size_of(path):
    if path.is_file():
        return path.stat().st_size
    seen = {}
    for file in path.rglob("*"):
        if file.is_file():
            info = file.stat()
            seen[info.st_ino] = info.st_size
    return sum(seen.values())


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


def warm(path):
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 22):
            pass
