"""What the end-to-end and the fault tests share: the program, its stores, the corpus, and the example databases."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import pytest

import awkward

ROOT = pathlib.Path(__file__).resolve().parent.parent
STRICT = bool(os.environ.get("LITEKEEP_CI"))
PROGRAM = pathlib.Path(os.environ.get("LITEKEEP", ROOT / "build" / "litekeep"))
WRAPPER = os.environ.get("LITEKEEP_WRAPPER", "").split()
ID = re.compile(r"^\d{4}-\d\d-\d\dT\d{6}Z(-\d{3})?$")


def pytest_sessionstart():
    # A shell script that starts the tests in the background has these ignored, and whatever they start would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    if not PROGRAM.exists():
        raise pytest.UsageError(f"{PROGRAM} is not built")


def pytest_collection_modifyitems(items):
    for item in items:
        if "root" in item.keywords and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root: mounts, loop devices, other users"))


def lacking(what):
    """A thing that the test needs is not there: a failure in CI, a skip elsewhere."""
    if STRICT:
        pytest.fail(f"missing here: {what}")
    pytest.skip(f"missing here: {what}")


def tool(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        lacking(name)
    return path


class Done:
    """A finished run. The program's messages are UTF-8; its output may hold any bytes."""

    def __init__(self, args, status, out, err):
        self.args, self.status, self.raw_out, self.raw_err = args, status, out, err
        self.out, self.err = out.decode("utf-8", "backslashreplace"), err.decode("utf-8", "backslashreplace")

    def json(self):
        return json.loads(self.out)

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"{' '.join(map(str, self.args))}\nexit {self.status}\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-6000:]}"


class Litekeep:
    """Runs the program with a store of its own and an environment that holds nothing of the machine's."""

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.store = self.home / "store"
        self.program = PROGRAM
        self.timeout = 240

    def environment(self, **extra):
        keep = {k: v for k, v in os.environ.items() if k.startswith(("ASAN_", "UBSAN_", "TSAN_", "LSAN_"))}
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.home), "TZ": "UTC", "LC_ALL": "C.UTF-8", **keep}
        env.update({k: v for k, v in extra.items() if v is not None})
        return env

    def command(self, *args, store=None, before=()):
        store = self.store if store is None else store
        chosen = ["--store", str(store)] if store else []
        return [*map(str, before), *WRAPPER, str(self.program), *chosen, *map(os.fspath, map(keep_bytes, args))]

    def start(self, *args, store=None, before=(), env=None, cwd=None, **options):
        return subprocess.Popen(self.command(*args, store=store, before=before), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=self.environment(**(env or {})), cwd=cwd or self.home, **options)

    def finish(self, process, timeout=None):
        try:
            out, err = process.communicate(timeout=timeout or self.timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"still running after {timeout or self.timeout} s:\n{Done(process.args, None, out, err)}")
        done = Done(process.args, process.returncode, out, err)
        sane(done)
        return done

    def __call__(self, *args, expect=0, timeout=None, **options):
        """Run to the end; the exit code must be `expect` (a number, a collection, or None for any)."""
        done = self.finish(self.start(*args, **options), timeout)
        if expect is not None:
            wanted = {expect} if isinstance(expect, int) else set(expect)
            assert done.status in wanted, f"exit {done.status}, expected {sorted(wanted)}\n{done!r}"
        return done

    def backup(self, *args, **options):
        return self("backup", "--init", *args, **options)

    def databases(self, store=None):
        store = pathlib.Path(store or self.store)
        return sorted(p.name for p in store.iterdir() if p.is_dir() and not p.name.startswith(".")) if store.exists() else []

    def backups(self, database, store=None):
        """The finished backups of a database, oldest first."""
        folder = pathlib.Path(store or self.store) / database
        found = [p for p in folder.iterdir() if ID.match(p.name)] if folder.exists() else []
        return sorted(found, key=lambda p: json.loads((p / "manifest.json").read_bytes())["seq"])

    def latest(self, database=None, store=None):
        if database is None:
            (database,) = self.databases(store)
        return self.backups(database, store)[-1]

    def leftovers(self, store=None):
        """What a run that was cut short leaves behind: nothing but this, below a name that begins with a point."""
        store = pathlib.Path(store or self.store)
        return sorted(str(p.relative_to(store)) for p in store.glob("*/.tmp-*")) + \
            sorted(str(p.relative_to(store)) for p in store.glob("*/.trash/*"))


def keep_bytes(arg):
    return arg if isinstance(arg, (str, bytes, os.PathLike)) else str(arg)


CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
CONTROL_IN_JSON = re.compile(rb"[\x00-\x09\x0b-\x1f]")


def sane(done):
    """No run may crash, and none may write a raw control character or a sanitizer's report."""
    for text, where in ((done.raw_out, "stdout"), (done.raw_err, "stderr")):
        found = (CONTROL_IN_JSON if where == "stdout" and "--json" in done.args else CONTROL).search(text)
        assert not found, f"control character {found[0]!r} on {where}\n{done!r}"
    for word in ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer", "Assertion `"):
        assert word not in done.err, repr(done)
    crashes = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}
    assert done.status not in crashes, repr(done)


@pytest.fixture
def litekeep(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return Litekeep(home)


@pytest.fixture
def open_folder():
    """A temporary folder that every user may enter (pytest's own are closed)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="litekeep-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def corpus():
    folder = pathlib.Path(os.environ.get("LITEKEEP_CORPUS", ROOT.parent / "shared" / "data"))
    if not (folder / "sqlite").is_dir():
        lacking("the corpus (LITEKEEP_CORPUS)")
    return folder


def session_file(tmp_path_factory, name, make):
    """Made once for all workers of a run."""
    folder = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        folder = folder.parent
    target = folder / name
    lock = folder / f"{name}.lock"
    with open(lock, "w") as held:
        import fcntl
        fcntl.flock(held, fcntl.LOCK_EX)
        if not target.exists():
            work = folder / f"{name}.making"
            shutil.rmtree(work, ignore_errors=True)
            make(work)
            work.rename(target)
    return target


@pytest.fixture(scope="session")
def awkward_folder(tmp_path_factory):
    """The databases of awkward.py: never written to by a test."""
    return session_file(tmp_path_factory, "awkward", awkward.make)


@pytest.fixture(scope="session")
def yardstick(tmp_path_factory, corpus):
    """The collector's database, scaled down (LITEKEEP_TEST_ROWS): never written to by a test."""
    rows = os.environ.get("LITEKEEP_TEST_ROWS", "60000")

    def make(folder):
        folder.mkdir()
        subprocess.run([sys.executable, corpus / "make_posts_db.py", folder / "posts.db", "--rows", rows], check=True)

    return session_file(tmp_path_factory, "yardstick", make) / "posts.db"


@pytest.fixture
def small(tmp_path):
    """A small database in a folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "small.db"
    make_small(path)
    return path


def make_small(path, rows=300, wal=False):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    if wal:
        db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN")
    db.execute("CREATE TABLE post (id INTEGER PRIMARY KEY, text TEXT, likes INTEGER, score REAL)")
    db.executemany("INSERT INTO post VALUES (?,?,?,?)", [(i, f"post {i} é", i * 7 % 50 or None, i / 7) for i in range(1, rows + 1)])
    db.execute("CREATE TABLE kind (name TEXT PRIMARY KEY, n) WITHOUT ROWID")
    db.executemany("INSERT INTO kind VALUES (?,?)", [("a", 1), ("b", 2.5), ("c", None)])
    db.execute("COMMIT")
    db.close()


def snapshot_bytes(path):
    """The bytes of a database and of what lies beside it, for 'the source is never changed'."""
    path = pathlib.Path(path)
    return {suffix: (pathlib.Path(f"{path}{suffix}").read_bytes() if os.path.exists(f"{path}{suffix}") else None)
            for suffix in ("", "-wal", "-journal")}


def wait_for(condition, seconds=20, what="the condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.01)
    pytest.fail(f"{what} did not come about in {seconds} s")


class Mounts:
    """Mounts and loop devices that go away with the test."""

    def __init__(self, folder):
        self.folder = folder
        self.stack = contextlib.ExitStack()

    def mount(self, name, *arguments):
        target = self.folder / name
        target.mkdir(exist_ok=True)
        subprocess.run(["mount", *map(str, arguments), str(target)], check=True, capture_output=True)
        self.stack.callback(subprocess.run, ["umount", "-l", str(target)], check=False, capture_output=True)
        return target

    def tmpfs(self, name, options):
        return self.mount(name, "-t", "tmpfs", "-o", options, "tmpfs")

    def image(self, name, size, *make):
        image = self.folder / f"{name}.img"
        with open(image, "wb") as out:
            out.truncate(size)
        subprocess.run([tool(make[0]), *make[1:], str(image)], check=True, capture_output=True)
        return image

    def loop(self, image):
        done = subprocess.run(["losetup", "--find", "--show", str(image)], check=True, capture_output=True, text=True)
        device = done.stdout.strip()
        self.stack.callback(subprocess.run, ["losetup", "-d", device], check=False, capture_output=True)
        return device


@pytest.fixture
def mounts(tmp_path):
    folder = tmp_path / "mounts"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        m = Mounts(folder)
        stack.callback(m.stack.close)
        yield m
