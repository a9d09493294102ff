"""schedule: cron with a real daemon that fires a real job, crontabs of all kinds, and systemd.

Everything about cron happens in a mount namespace of its own with an empty spool, so that the machine's crontabs are
neither seen nor touched. systemd cannot be PID 1 in a test: its units are checked by the real systemd-analyze, and what is
said to systemctl and loginctl goes to small stand-ins that keep the state (enabled, active) in files.
"""
import datetime
import os
import re
import shlex
import shutil
import subprocess

import pytest

from conftest import WRAPPER, make_small, tool, wait_for

ROOT_ONLY = pytest.mark.root


class Namespace:
    """A mount namespace with an empty crontab spool, no system crontabs, and an /etc of its own."""

    def __init__(self, folder):
        tool("cron"), tool("crontab"), tool("nsenter")
        self.etc = folder / "etc"
        self.ready = folder / "ready"
        script = f"""set -e
            mount --make-rprivate /
            cp -a /etc {shlex.quote(str(self.etc))}
            rm -rf {shlex.quote(str(self.etc))}/cron.d/* {shlex.quote(str(self.etc))}/cron.allow {shlex.quote(str(self.etc))}/cron.deny
            : > {shlex.quote(str(self.etc))}/crontab
            mount --bind {shlex.quote(str(self.etc))} /etc
            mount -t tmpfs tmpfs /run
            mount -t tmpfs tmpfs /var/log
            mount -t tmpfs -o mode=755 tmpfs /var/spool/cron
            mkdir -m 1730 /var/spool/cron/crontabs
            chgrp crontab /var/spool/cron/crontabs
            : > {shlex.quote(str(self.ready))}
            exec sleep 600"""
        self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stderr=subprocess.PIPE)
        self.daemon = None
        wait_for(lambda: self.ready.exists() or self.process.poll() is not None, what="the namespace")
        if self.process.poll() is not None:
            pytest.skip(f"no mount namespace can be made here: {self.process.stderr.read().decode()}")
        self.enter = [tool("nsenter"), "-t", str(self.process.pid), "-m"]

    def run(self, *words, **options):
        return subprocess.run([*self.enter, *words], check=True, capture_output=True, **options)

    def crontab(self):
        done = subprocess.run([*self.enter, "crontab", "-l"], capture_output=True)
        return done.stdout if done.returncode == 0 else None

    def start_cron(self):
        self.daemon = subprocess.Popen([*self.enter, tool("cron"), "-f"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                       env={"PATH": "/usr/bin:/bin", "TZ": "UTC"})

    def close(self):
        for process in (self.daemon, self.process):
            if process is not None:
                process.kill()
                process.wait()
        self.process.stderr.close()


@pytest.fixture
def space(tmp_path):
    n = Namespace(tmp_path)
    yield n
    n.close()


@pytest.fixture
def here(litekeep, space):
    """The program, run inside the namespace, with the default store of its home."""
    def run(*args, before=(), **options):
        options.setdefault("store", "")
        return litekeep(*args, before=[*space.enter, *before], **options)
    return run


def config_of(litekeep):
    return litekeep.home / ".config" / "litekeep" / "config.ini"


# ---- The real thing.


@ROOT_ONLY
@pytest.mark.alone
def test_a_real_cron_daemon_fires_the_job_that_was_installed(litekeep, space, here, tmp_path):
    """In cron's bare environment, with a space, a %, a quote and a backslash in every path. Cron fires at whole minutes: this
    waits up to 65 seconds."""
    folder = tmp_path / "it's 100% odd \\\\ name"
    folder.mkdir()
    make_small(folder / "a.db")
    store, config = folder / "store %d", folder / "config.ini"
    env = {"XDG_STATE_HOME": str(folder / "state")}
    here("--config", config, "schedule", "install", "--init", "--backend", "cron", "--cron", "* * * * *", folder / "a.db",
         store=store, env=env)
    assert b"\\%" in space.crontab()
    space.start_cron()
    wait_for(lambda: litekeep.databases(store) and litekeep.backups("a", store), 70, "the first run")
    shown = {}

    def finished():
        shown.update(here("--config", config, "schedule", "show", "--json", store=store, env=env).json())
        return shown["last_run"] is not None

    wait_for(finished, 20, "its note in the store")
    assert shown["last_run"]["status"] == 0 and shown["last_run"]["done"] == 1 and shown["last_run"]["alarms"] == 0
    assert shown["backend"] == "cron" and shown["when"] == "* * * * *" and shown["every"] == 60
    log = folder / "state" / "litekeep" / os.path.basename(shown["log"])
    assert log.exists(), sorted(map(str, folder.rglob("*")))
    now = datetime.datetime.now(datetime.timezone.utc)
    next_run = datetime.datetime.fromisoformat(shown["next_run"].replace("Z", "+00:00"))
    assert 0 < (next_run - now).total_seconds() <= 61
    status = here("--config", config, "status", "--json", store=store, env=env).json()
    assert status["scheduled"] is True and status["next_run"] is not None
    assert here("--config", config, "schedule", "remove", store=store, env=env)
    assert space.crontab() is None


# ---- Crontabs.


@ROOT_ONLY
def test_installing_twice_changes_nothing_and_a_change_touches_our_line_only(litekeep, space, here, small):
    theirs = b"# mine\nMAILTO=\"\"\n\n0 0 * * * echo 100\\% # x\n"
    space.run("crontab", "-", input=theirs)
    first = here("schedule", "install", small.parent)
    crontab, config = space.crontab(), config_of(litekeep).read_bytes()
    assert crontab.startswith(theirs) and crontab.count(b"\n") == theirs.count(b"\n") + 2
    assert "our line was added" in first.out and "keep-daily = 7" in first.out
    again = here("schedule", "install", small.parent)
    assert "Nothing to change" in again.out
    assert (space.crontab(), config_of(litekeep).read_bytes()) == (crontab, config)

    space.run("crontab", "-", input=crontab + b"5 5 * * * behind\n")
    changed = here("schedule", "install", "--every", "1d", small.parent)
    assert "our line was replaced" in changed.out and "changed every = 1d (was: 8h)" in changed.out
    lines, before = space.crontab().split(b"\n"), (crontab + b"5 5 * * * behind\n").split(b"\n")
    assert [i for i, (a, b) in enumerate(zip(lines, before)) if a != b] == [5] and len(lines) == len(before)

    # Of another store: a second block. What the config says of the first store stays.
    config = config_of(litekeep).read_bytes()
    other = here("schedule", "install", "--init", "--no-notify", "--every", "1h", small.parent, store=litekeep.home / "other")
    assert "stays that store's" in other.err
    assert space.crontab().count(b"# litekeep schedule ") == 2
    here("schedule", "remove", store=litekeep.home / "other")
    assert space.crontab() == b"\n".join(lines)
    assert config_of(litekeep).read_bytes() == config
    here("schedule", "remove")
    assert space.crontab() == theirs + b"5 5 * * * behind\n"
    assert "Nothing" in here("schedule", "show").out or "No schedule" in here("schedule", "show").out


@ROOT_ONLY
def test_the_config_gets_what_it_has_not_and_keeps_the_rest(litekeep, space, here, small):
    config = config_of(litekeep)
    config.parent.mkdir(parents=True)
    config.write_text("; mine\n[litekeep]\nkeep-last = 9\nnotify-log = ~/x.log\n[posts]\nformat = json\n")
    config.chmod(0o600)
    done = here("schedule", "install", "--every", "1h", small)
    text = config.read_text()
    assert text.startswith("; mine\n[litekeep]\nkeep-last = 9\nnotify-log = ~/x.log\n") and text.endswith("[posts]\nformat = json\n")
    assert f"paths = {small}" in text and "every = 1h" in text and "store-uuid = " in text
    assert "keep-daily" not in text and "nobody is told" not in done.err
    assert here("config", "check").status == 0


@ROOT_ONLY
def test_what_is_promised_follows_the_schedule(litekeep, space, here, small):
    def promised(store=""):
        return [d["promised_seconds"] for d in here("status", "--json", store=store, expect=None).json()["databases"]]

    config = config_of(litekeep)
    here("backup", "-q", small)
    here("schedule", "install", small)
    config.write_text(config.read_text().replace("every = 8h", "every = 8h ; theirs"))
    planned = here("schedule", "install", "--dry-run", "--every", "1d", small.parent)
    assert "would get every = 1d (was: 8h)" in planned.out and "every = 8h ; theirs" in config.read_text()
    done = here("schedule", "install", "--every", "1d", small.parent)
    assert f"changed paths = {small.parent} (was: {small})" in done.out
    assert f"\npaths = {small.parent}\n" in config.read_text() and "\nevery = 1d ; theirs\n" in config.read_text()
    assert promised() == [86400]

    # Another store with the same config has the promise of its own schedule.
    other = litekeep.home / "other"
    here("backup", "-q", "--init", small, store=other)
    assert promised(other) == [None]
    here("schedule", "install", "--every", "1h", small, store=other)
    assert promised(other) == [3600] and promised() == [86400]
    here("schedule", "remove", store=other)
    assert promised(other) == [None] and promised() == [86400]

    assert "every = 1d would be removed" in here("schedule", "remove", "--dry-run").out and promised() == [86400]
    done = here("schedule", "remove")
    assert "every = 1d was removed: it promises no backups any more" in done.out
    assert "every" not in config.read_text() and f"\npaths = {small.parent}\n" in config.read_text()
    assert promised() == [None]


@ROOT_ONLY
def test_schedules_that_are_installed_at_once_are_all_there(litekeep, space, here, small):
    stores = [litekeep.home / f"s{i}" for i in range(4)]
    configs = [litekeep.home / f"{i % 2}.ini" for i in range(4)]
    for store in stores:
        here("backup", "-q", "--init", small, store=store)
    running = [litekeep.start("--config", config, "schedule", "install", "--backend", "cron", "--no-notify", small, store=store,
                              before=space.enter) for store, config in zip(stores, configs)]
    for process in running:
        assert litekeep.finish(process).status == 0
    crontab = space.crontab()
    assert crontab.count(b"# litekeep schedule ") == 4 and all(str(s).encode() in crontab for s in stores)
    for config in configs[:2]:
        assert config.read_text().count("[litekeep]") == 1 and "keep-daily = 7" in config.read_text()


@ROOT_ONLY
def test_a_schedule_can_be_removed_while_its_store_is_away_and_with_a_broken_config(litekeep, space, here, small):
    here("schedule", "install", small)
    store = litekeep.home / ".local" / "share" / "litekeep"
    store.rename(litekeep.home / "away")
    assert "was removed" in here("schedule", "remove").out
    assert space.crontab() is None and "every" not in config_of(litekeep).read_text()
    (litekeep.home / "away").rename(store)
    here("schedule", "install", small)
    with open(config_of(litekeep), "a") as f:
        f.write("nonsense\n")
    text = config_of(litekeep).read_text()
    done = here("schedule", "remove", store=store)
    assert "still promises backups" in done.err and space.crontab() is None and config_of(litekeep).read_text() == text


@ROOT_ONLY
def test_a_dry_run_changes_nothing(litekeep, space, here, small):
    done = here("schedule", "install", "--dry-run", small)
    assert "would be added" in done.out and "would get every = 8h" in done.out and f" {small}\n" in done.out
    assert space.crontab() is None and not config_of(litekeep).exists() and not (litekeep.home / ".local").exists()
    here("schedule", "install", small)
    crontab = space.crontab()
    assert "would be removed" in here("schedule", "remove", "--dry-run").out
    assert space.crontab() == crontab


@ROOT_ONLY
def test_a_crontab_that_is_broken_is_left_as_it_is(litekeep, space, here, small):
    space.run("crontab", "-", input=b"0 0 * * * x\n")
    space.run("sh", "-c", "printf 'broken line\\n' >> /var/spool/cron/crontabs/root")
    before = space.crontab()
    done = here("schedule", "install", "--backend", "cron", small, expect=1)
    assert "crontab" in done.err
    assert space.crontab() == before and b"broken line" in before


@ROOT_ONLY
def test_what_was_taken_out_by_hand_is_put_back_and_theirs_is_not_eaten(litekeep, space, here, small):
    here("schedule", "install", small)
    mark, line = space.crontab().splitlines(keepends=True)
    space.run("crontab", "-", input=mark + b"0 0 * * * theirs\n")
    assert "No schedule" in here("schedule", "show").out
    here("schedule", "install", small)
    assert space.crontab() == mark + line + b"0 0 * * * theirs\n"


@ROOT_ONLY
def test_a_user_who_is_not_allowed_is_told_what_to_do(litekeep, space, here, open_folder):
    (space.etc / "cron.deny").write_text("nobody\n")
    program = open_folder / "litekeep"
    shutil.copy(litekeep.program, program)
    home = open_folder / "home"
    home.mkdir()
    make_small(home / "a.db")
    subprocess.run(["chown", "-R", "65534:65534", home], check=True)
    before = [*space.enter, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    litekeep.program, litekeep.home = program, home
    done = litekeep("schedule", "install", "--backend", "cron", home / "a.db", store="", before=before, expect=1, cwd=open_folder)
    assert "not allowed" in done.err and "cron.allow" in done.err
    assert sorted(home.iterdir()) == [home / "a.db"]
    # Looking at it is no error.
    litekeep("backup", home / "a.db", store="", before=before, cwd=open_folder)
    assert "not allowed" in litekeep("schedule", "show", store="", before=before, cwd=open_folder).err


# ---- Where something is missing.


@pytest.fixture
def bin_folder(tmp_path, litekeep):
    """A PATH on which only what the test puts there is found, beside a few harmless programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("env", "sh", "cat", "cp", "rm", "mv", "touch", "grep", "date", "true", *WRAPPER[:1]):
        (folder / name).symlink_to(tool(name))
    original = litekeep.environment
    litekeep.environment = lambda **extra: {**original(**extra), "PATH": str(folder)}
    return folder


def program(folder, name, text):
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


@pytest.mark.sanitized
def test_without_cron_and_systemd_it_says_what_to_do_by_hand(litekeep, bin_folder, small):
    done = litekeep("schedule", "install", small, store="", expect=1)
    assert '"crontab"' in done.err and "--if-older-than 8h" in done.err
    assert not config_of(litekeep).exists()
    assert "No schedule" in litekeep("schedule", "show", store="", expect=0).out
    program(bin_folder, "scrontab", "exit 1\n")
    assert "--backend scrontab" in litekeep("schedule", "install", small, store="", expect=1).err
    assert "systemctl --user" in litekeep("schedule", "install", "--backend", "systemd", small, store="", expect=1).err


SCRONTAB = """f="$HOME/scrontab.txt"
case "$1" in
-l) if [ -e "$f" ]; then cat "$f"; else echo "no crontab for me" >&2; exit 1; fi;;
-) cat > "$f.new" && mv "$f.new" "$f";;
-r) rm -f "$f";;
esac
"""


@pytest.mark.sanitized
def test_slurms_scrontab_is_used_on_request(litekeep, bin_folder, small):
    """With a stand-in for scrontab, which has crontab's words."""
    program(bin_folder, "scrontab", SCRONTAB)
    litekeep("schedule", "install", "--backend", "scrontab", "--every", "12h", small, store="")
    text = (litekeep.home / "scrontab.txt").read_text()
    assert text.startswith("# litekeep schedule ") and text.endswith(f" {small}\n")
    shown = litekeep("schedule", "show", "--json", store="").json()
    assert shown["backend"] == "scrontab" and shown["every"] == 43200 and shown["text"] == text
    assert "removed" in litekeep("schedule", "remove", store="").out
    assert not (litekeep.home / "scrontab.txt").exists()


def test_a_crontab_that_changes_meanwhile_is_left_to_the_other(litekeep, bin_folder, small):
    program(bin_folder, "crontab", SCRONTAB.replace('-l) if', '-l) echo "# edit $(cat "$HOME/n" 2>/dev/null)" > "$f"; '
                                                    'echo x >> "$HOME/n"; if').replace("scrontab.txt", "crontab.txt"))
    done = litekeep("schedule", "install", "--backend", "cron", small, store="", expect=1)
    assert "somebody else has changed the crontab" in done.err
    assert "litekeep schedule" not in (litekeep.home / "crontab.txt").read_text()


def test_a_crontab_program_that_says_something_else_is_an_error(litekeep, bin_folder, small):
    program(bin_folder, "crontab", "echo 'the moon is full' >&2; exit 3\n")
    done = litekeep("schedule", "install", "--backend", "cron", small, store="", expect=1)
    assert "the moon is full" in done.err
    program(bin_folder, "crontab", SCRONTAB.replace("cat > \"$f.new\" && mv \"$f.new\" \"$f\"", "true"))
    done = litekeep("schedule", "install", "--backend", "cron", small, store="", expect=1)
    assert "shows another one" in done.err


def test_a_header_that_crontab_prints_is_not_kept(litekeep, bin_folder, small):
    """Old crontabs print their own three comment lines with -l, and would add them again each time."""
    program(bin_folder, "crontab", SCRONTAB.replace('then cat', 'then printf \'# DO NOT EDIT THIS FILE - edit the master and '
                                                    'reinstall.\\n# (- installed on Mon)\\n# (Cron version 5)\\n\'; cat'))
    (litekeep.home / "scrontab.txt").write_text("0 0 * * * x\n")
    litekeep("schedule", "install", "--backend", "cron", small, store="")
    litekeep("schedule", "install", "--backend", "cron", "--every", "1d", small, store="")
    text = (litekeep.home / "scrontab.txt").read_text()
    assert text.startswith("0 0 * * * x\n# litekeep schedule") and "DO NOT EDIT" not in text


# ---- Usage.


@pytest.mark.sanitized
@pytest.mark.parametrize("words, says", [
    (("instal",), "did you mean install?"),
    (("show", "x"), "takes no path"),
    (("show", "--every", "8h"), "--every is for schedule install"),
    (("install", "--every", "8h", "--cron", "@daily"), "exclude each other"),
    (("install", "--every", "7h"), "nearest is 6h"),
    (("install", "--cron", "0 0 31 2 *"), "never comes"),
    (("install", "--cron", "61 * * * *"), "minute"),
    (("install", "--system", "--backend", "cron"), "--system"),
    (("install", "--program", "bin/litekeep"), "absolute"),
    (("install", "--notify", "gopher://x"), "neither"),
    (("install", "--notify", "x", "--no-notify"), "exclude each other"),
])
def test_wrong_usage_is_named(litekeep, bin_folder, words, says):
    program(bin_folder, "crontab", SCRONTAB)
    before = sorted(litekeep.home.rglob("*"))
    done = litekeep("schedule", *words, store="", expect=2)
    assert says in done.err and sorted(litekeep.home.rglob("*")) == before


def test_a_path_that_is_not_there_is_not_scheduled(litekeep, bin_folder):
    program(bin_folder, "crontab", SCRONTAB)
    assert "/no/such" in litekeep("schedule", "install", "--backend", "cron", "/no/such", store="", expect=10).err


@pytest.mark.sanitized
def test_who_is_told_goes_into_the_config(litekeep, bin_folder, small):
    program(bin_folder, "crontab", SCRONTAB)
    hook = program(bin_folder, "tell me", "true\n")
    done = litekeep("schedule", "install", "--backend", "cron", "--notify", hook, small, store="")
    assert f"notify-command = '{hook}'" in config_of(litekeep).read_text() and "nobody is told" not in done.err
    config_of(litekeep).unlink()
    done = litekeep("schedule", "install", "--backend", "cron", "--notify", "https://example.org/secret", small, store="")
    assert "notify-url = https://example.org/secret" in config_of(litekeep).read_text()
    assert "secret" not in done.out + done.err


def test_on_a_terminal_it_asks_once_who_is_to_be_told(litekeep, bin_folder, small):
    import pty
    program(bin_folder, "crontab", SCRONTAB)
    hook = program(bin_folder, "hook", "true\n")
    for answer, expected in ((str(hook), "notify-command"), ("", None)):
        config_of(litekeep).unlink(missing_ok=True)
        master, slave = pty.openpty()
        process = subprocess.Popen(litekeep.command("schedule", "install", "--backend", "cron", small, store=""), stdin=slave,
                                   stdout=slave, stderr=slave, env=litekeep.environment(), cwd=litekeep.home)
        os.close(slave)
        os.write(master, (answer + "\n").encode())
        said = b""
        try:
            while piece := os.read(master, 4096):
                said += piece
        except OSError:
            pass
        os.close(master)
        assert process.wait(30) == 0, said
        assert said.count(b"Who is to be told") == 1
        text = config_of(litekeep).read_text()
        assert ("notify" in text) == (expected is not None) and (expected or "") in text
        assert (b"nobody is told" in said) == (expected is None)


# ---- systemd.


SYSTEMCTL = """echo "$@" >> "$HOME/said"
[ "$1" = --user ] && shift
s="$HOME/state"; touch "$s"
case "$1" in
is-system-running) cat "$HOME/up";;
is-enabled) grep -q enabled "$s" && echo enabled || { echo disabled; exit 1; };;
is-active) grep -q enabled "$s" && echo active || { echo inactive; exit 3; };;
enable) echo enabled > "$s";;
disable) rm "$s";;
show) echo "NextElapseUSecRealtime=@1900000000";;
esac
"""


@pytest.fixture
def systemd(litekeep, bin_folder):
    program(bin_folder, "systemctl", SYSTEMCTL)
    program(bin_folder, "loginctl", 'cat "$HOME/linger"\n')
    (litekeep.home / "up").write_text("running\n")
    (litekeep.home / "linger").write_text("Linger=yes\n")
    return litekeep.home / "said"


def units(litekeep):
    return sorted((litekeep.home / ".config" / "systemd" / "user").glob("litekeep-*"))


def test_a_user_timer_is_installed_once_and_removed(litekeep, systemd, bin_folder, small):
    """With stand-ins for systemctl and loginctl."""
    done = litekeep("schedule", "install", "--backend", "systemd", small, store="")
    service, timer = units(litekeep)
    assert "Persistent=true" in timer.read_text() and f'"{small}"' in service.read_text()
    assert "linger" not in done.err
    said = systemd.read_text()
    assert f"--user enable --now {timer.name}" in said and "--user daemon-reload" in said
    before = [u.stat().st_ino for u in (service, timer)], said.count("enable --now")
    assert "Nothing to change" in litekeep("schedule", "install", small, store="").out
    assert before == ([u.stat().st_ino for u in (service, timer)], systemd.read_text().count("enable --now"))
    shown = litekeep("schedule", "show", "--json", store="").json()
    assert shown["backend"] == "systemd" and shown["every"] == 8 * 3600 + 900 and shown["next_run"] == "2030-03-17T17:46:40Z"
    assert shown["log"].startswith(str(litekeep.home))

    # One schedule a store: cron takes it over, and back.
    program(bin_folder, "crontab", SCRONTAB)
    changed = litekeep("schedule", "install", "--backend", "cron", small, store="").out
    assert "our line was added" in changed and re.search("timer litekeep-.* was removed", changed) and not units(litekeep)
    changed = litekeep("schedule", "install", "--backend", "systemd", small, store="").out
    assert "our line was removed" in changed and not (litekeep.home / "scrontab.txt").exists()
    assert "removed" in litekeep("schedule", "remove", store="").out and not units(litekeep)
    assert "disable --now" in systemd.read_text()


@ROOT_ONLY
def test_root_gets_a_timer_of_the_system_where_systemd_runs(litekeep, space, here, systemd, bin_folder, small):
    """With a stand-in for systemctl; /etc is the namespace's."""
    program(bin_folder, "crontab", SCRONTAB)
    done = here("schedule", "install", "--dry-run", "--json", small).json()
    assert "/etc/systemd/system/" in done["text"] and done["log"].startswith("/var/log/litekeep/")
    (litekeep.home / "up").write_text("offline\n")
    assert here("schedule", "install", "--dry-run", "--json", small).json()["backend"] == "cron"
    (litekeep.home / "up").write_text("running\n")
    here("schedule", "install", "--system", small)
    assert sorted(p.suffix for p in (space.etc / "systemd" / "system").glob("litekeep-*")) == [".service", ".timer"]
    assert "--user" not in systemd.read_text()
    here("schedule", "remove")
    assert not list((space.etc / "systemd" / "system").glob("litekeep-*"))


def test_timers_that_end_with_the_login_are_warned_of(litekeep, systemd, small):
    (litekeep.home / "linger").write_text("Linger=no\n")
    assert "loginctl enable-linger" in litekeep("schedule", "install", "--backend", "systemd", small, store="").err


def test_what_systemctl_refuses_is_told_with_its_words(litekeep, systemd, bin_folder, small):
    program(bin_folder, "systemctl", SYSTEMCTL.replace("enable) ", "enable) echo 'Access denied' >&2; exit 1; "))
    done = litekeep("schedule", "install", "--backend", "systemd", small, store="", expect=1)
    assert "Access denied" in done.err and "enable --now" in done.err


@pytest.mark.parametrize("system", [False, True])
def test_systemd_takes_the_units_without_a_word(litekeep, tmp_path, system):
    """By the real systemd-analyze, with all that is special in a path."""
    analyze = tool("systemd-analyze")
    folder = tmp_path / "a b %d $HOME it's \"q\" \\ é"
    folder.mkdir()
    make_small(folder / "a.db")
    own = tmp_path / "p %d $HOME é" / "litekeep"  # systemd runs no program with a quote in its path
    own.parent.mkdir()
    shutil.copy(litekeep.program, own)
    done = litekeep("schedule", "install", "--init", "--backend", "systemd", "--dry-run", "--json", *(["--system"] if system else []),
                    "--program", own, folder / "a.db", store=folder / "store", env={"XDG_STATE_HOME": str(folder)})
    texts = re.split(r"(?m)^# (/.*\.(?:service|timer))\n", done.json()["text"])
    paths = {}
    for path, text in zip(texts[1::2], texts[2::2]):
        # A man page that is not installed yet is no fault of the unit.
        paths[path] = tmp_path / os.path.basename(path)
        paths[path].write_text(text.replace("Documentation=man:litekeep-schedule(1)\n", ""))
    assert len(paths) == 2
    checked = subprocess.run([analyze, "verify", "--system" if system else "--user", *paths.values()], capture_output=True, text=True,
                             env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)})
    words = [line for line in checked.stderr.splitlines() if "litekeep" in line]
    assert checked.returncode == 0 and not words, checked.stderr
    assert (system and "CapabilityBoundingSet" in done.out) or (not system and "CapabilityBoundingSet" not in done.out)


@pytest.mark.parametrize("cron, calendar", [("17 1-23/8 * * *", 8), ("*/10 * * * *", 1 / 6), ("30 2 * * 1-5", 72), ("0 0 1 */3 *", None)])
def test_systemd_reads_the_same_times_from_the_calendar_as_cron_does(litekeep, tmp_path, cron, calendar):
    analyze = tool("systemd-analyze")
    make_small(tmp_path / "a.db")
    done = litekeep("schedule", "install", "--init", "--backend", "systemd", "--dry-run", "--json", "--cron", cron, tmp_path / "a.db").json()
    read = subprocess.run([analyze, "calendar", "--iterations=1", done["when"]], capture_output=True, text=True, check=True,
                          env={"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C"})
    found = re.search(r"Next elapse: \w+ (\S+) (\S+) UTC", read.stdout)
    assert f"{found[1]}T{found[2]}Z" == done["next_run"], read.stdout
    if calendar is not None:
        assert done["every"] - 900 <= calendar * 3600 <= done["every"]
