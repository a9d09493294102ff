"""Messages to a command, a log and a URL, pings of a heartbeat, and the run's own log. None of them may fail a backup, hold it up, or
give a secret away."""
import contextlib
import http.server
import json
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import threading
import time

import pytest

from conftest import make_small, tool, wait_for

HOUR_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")


class Receiver:
    """An HTTP server on 127.0.0.1 that notes every request; `answers` says what it does for a path."""

    def __init__(self, context=None):
        self.requests, self.answers, self.released = [], {}, threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                receiver.requests.append((self.command, self.path, dict(self.headers.items()), body))
                answer = receiver.answers.get(self.path.split("?")[0], 200)
                if callable(answer):
                    answer = answer(self)
                if answer is not None:
                    self.answer(answer)

            do_GET = do_POST

            def answer(self, code, *headers):
                self.send_response(code)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *args):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def paths(self):
        return [path for _, path, _, _ in self.requests]

    def messages(self):
        return [json.loads(body) for method, _, headers, body in self.requests if headers.get("Content-Type") == "application/json"]

    def hang(self, handler):
        """Answer nothing before the test is over."""
        self.released.wait(60)


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.stop()


@pytest.fixture
def config(litekeep):
    """Writes the config file that the runs of this test read."""
    path = litekeep.home / ".config" / "litekeep" / "config.ini"
    path.parent.mkdir(parents=True)

    def write(**keys):
        lines = [f"{key.replace('_', '-')} = {value}\n" for key, value in keys.items()]
        path.write_text("[litekeep]\n" + "".join(lines))
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def broken(tmp_path):
    """A folder with a database that cannot be read, so that its backup fails, and one that can."""
    folder = tmp_path / "broken"
    folder.mkdir()
    make_small(folder / "good.db")
    make_small(folder / "bad.db")
    data = bytearray((folder / "bad.db").read_bytes())
    data[4096:12288] = b"\x55" * 8192
    (folder / "bad.db").write_bytes(data)
    return folder


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o700)
    return path


def test_the_user_has_a_name_where_the_environment_gives_none(litekeep, config, receiver, broken):
    config(notify_url=f"{receiver.url}/hook")
    litekeep.backup(broken, expect=3, env={"LOGNAME": "", "USER": ""})
    ((_, _, _, body),) = receiver.requests
    assert json.loads(body)["user"] == pwd.getpwuid(os.geteuid()).pw_name


@pytest.mark.sanitized
def test_a_failure_is_posted_with_all_that_is_known(litekeep, config, receiver, broken):
    config(notify_url=f"{receiver.url}/hook?key=1")
    litekeep.backup(broken, expect=3, env={"LOGNAME": "ada"})
    ((method, path, headers, body),) = receiver.requests
    assert (method, path) == ("POST", "/hook?key=1")
    assert headers["Content-Type"] == "application/json" and headers["User-Agent"].startswith("litekeep/")
    assert "Authorization" not in headers
    message = json.loads(body)
    assert message["type"] == "failure" and message["status"] == 3 and message["command"] == "backup"
    assert message["host"] == socket.gethostname() and message["user"] == "ada"
    assert message["store"] == str(litekeep.store)
    assert (message["done"], message["skipped"], message["failed"]) == (1, 0, 1)
    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", message["time"])
    (problem,) = message["problems"]
    assert problem["path"] == str(broken / "bad.db") and problem["status"] == 3 and problem["message"]
    assert message["alarms"] == message["open"] == message["recovered"] == [] and message["left_out"] == 0
    first, *rest = message["text"].splitlines()
    assert first == f"litekeep on {socket.gethostname()}: The backup is incomplete"
    assert any(str(broken / "bad.db") in line for line in rest) and str(litekeep.store) in rest[-1]


def test_a_run_without_trouble_is_told_only_where_that_is_wanted(litekeep, config, receiver, small):
    config(notify_url=receiver.url)
    litekeep.backup(small)
    assert receiver.requests == []
    config(notify_url=receiver.url, notify_success="yes")
    litekeep.backup(small)
    (message,) = receiver.messages()
    assert message["type"] == "success" and message["status"] == 0 and message["message"] is None
    assert "The backup is complete" in message["text"]


def test_every_failing_run_is_told_but_no_dry_one(litekeep, config, receiver, broken):
    config(notify_url=receiver.url)
    litekeep.backup(broken, expect=3)
    litekeep.backup(broken, expect=3)
    assert [m["type"] for m in receiver.messages()] == ["failure"] * 2
    litekeep("backup", "--dry-run", broken, expect=None)
    assert len(receiver.requests) == 2


def test_of_many_problems_twenty_are_told_and_the_others_counted(litekeep, config, receiver, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(27):
        (folder / f"bad{i:02}.db").write_bytes(b"SQLite format 3\0" + b"\x55" * 5000)
    config(notify_url=receiver.url)
    litekeep.backup(folder, expect=3)
    (message,) = receiver.messages()
    assert len(message["problems"]) == 20 and message["left_out"] == 7 and message["failed"] == 27
    assert "And 7 more problems." in message["text"]


def test_a_missing_store_is_told(litekeep, config, receiver, small, tmp_path):
    config(notify_url=receiver.url, heartbeat_url=f"{receiver.url}/beat")
    litekeep("backup", small, store=tmp_path / "unmounted", expect=10)
    (message,) = receiver.messages()
    assert message["type"] == "failure" and message["status"] == 10
    assert "unmounted" in message["message"] and "The backup failed" in message["text"]
    assert "Reason: " in message["text"]
    assert "/beat/fail" in receiver.paths()


# ---- Receivers that are in trouble

def test_a_server_that_is_busy_gets_the_message_again(litekeep, config, receiver, small):
    codes = [503, 200]
    receiver.answers["/hook"] = lambda handler: codes.pop(0)
    config(notify_url=f"{receiver.url}/hook", notify_success="yes")
    done = litekeep.backup(small)
    assert receiver.paths() == ["/hook"] * 2 and "not delivered" not in done.err
    assert receiver.requests[0][3] == receiver.requests[1][3]


@pytest.mark.parametrize("code, requests", [(500, 3), (404, 1), (304, 1)])
def test_a_server_that_refuses_is_a_warning(litekeep, config, receiver, small, code, requests):
    receiver.answers["/secret-path"] = code
    config(notify_url=f"{receiver.url}/secret-path", notify_success="yes")
    done = litekeep.backup(small)
    assert len(receiver.requests) == requests
    assert f"litekeep: warning: notify-url: not delivered: 127.0.0.1 answered with {code}" in done.err
    assert "secret-path" not in done.err


def test_a_server_that_hangs_is_waited_for_so_long_and_no_longer(litekeep, config, receiver, small):
    receiver.answers["/hook"] = receiver.hang
    config(notify_url=f"{receiver.url}/hook", notify_success="yes", notify_timeout="700ms")
    started = time.monotonic()
    done = litekeep.backup(small)
    assert time.monotonic() - started < 20
    assert "notify-url: not delivered: 127.0.0.1 did not answer within 700ms" in done.err


def test_a_server_that_is_not_there_is_a_warning(litekeep, config, small):
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))  # bound but not listening: nobody else gets the port
        config(notify_url=f"http://127.0.0.1:{s.getsockname()[1]}/secret-path", notify_success="yes", notify_timeout="1500ms")
        done = litekeep.backup(small)
    assert "notify-url: not delivered: 127.0.0.1 could not be reached: Connection refused" in done.err and "secret-path" not in done.err


def test_an_answer_that_never_ends_is_an_answer(litekeep, config, receiver, small):
    def slow(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x")
        receiver.hang(handler)

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not receiver.released.is_set():
                handler.wfile.write(b"x" * 65536)

    receiver.answers.update({"/slow": slow, "/endless": endless})
    for path in ("/slow", "/endless"):
        config(notify_url=receiver.url + path, notify_success="yes", notify_timeout="700ms")
        assert "not delivered" not in litekeep.backup(small).err
    assert receiver.paths() == ["/slow", "/endless"]


def redirect(code, to):
    return lambda handler: handler.answer(code, ("Location", to))


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_receiver_that_moved_gets_the_message(litekeep, config, receiver, small, code):
    receiver.answers["/old"] = redirect(code, "/new")
    config(notify_url=f"{receiver.url}/old", notify_success="yes")
    litekeep.backup(small)
    (old, new) = receiver.requests
    assert new[:2] == ("POST", "/new") and new[3] == old[3]


def test_a_redirect_takes_the_token_to_no_other_host(litekeep, config, receiver, small):
    token = litekeep.home / "token"
    token.write_text("canary-of-the-token\n")
    token.chmod(0o600)
    receiver.answers["/same"] = redirect(307, "/here")
    receiver.answers["/other"] = redirect(307, f"http://localhost:{receiver.port}/there")
    for path in ("/same", "/other"):
        config(notify_url=receiver.url + path, notify_token_file=token, notify_success="yes")
        litekeep.backup(small)
    sent = {path: headers.get("Authorization") for _, path, headers, _ in receiver.requests}
    assert sent == {"/same": "Bearer canary-of-the-token", "/here": "Bearer canary-of-the-token",
                    "/other": "Bearer canary-of-the-token", "/there": None}


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"])
def test_a_redirect_leads_to_nothing_but_http(litekeep, config, receiver, small, to):
    receiver.answers["/hook"] = redirect(302, to)
    config(notify_url=f"{receiver.url}/hook", notify_success="yes")
    done = litekeep.backup(small)
    assert "127.0.0.1 redirects to what is neither http nor https" in done.err
    assert len(receiver.requests) == 1


def test_redirects_in_a_circle_end(litekeep, config, receiver, small):
    receiver.answers["/hook"] = redirect(307, "/hook")
    config(notify_url=f"{receiver.url}/hook", notify_success="yes")
    assert "redirects more than 5 times" in litekeep.backup(small).err
    assert len(receiver.requests) == 6


def test_a_certificate_that_nobody_vouches_for_is_refused(litekeep, config, small, tmp_path):
    subprocess.run([tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out",
                    tmp_path / "cert.pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    secure = Receiver(context)
    try:
        config(notify_url=f"{secure.url}/hook", notify_success="yes")
        done = litekeep.backup(small)
    finally:
        secure.stop()
    assert "certificate" in done.err and secure.requests == []


# ---- The command

@pytest.mark.sanitized
def test_a_command_gets_the_message_on_its_standard_input(litekeep, config, broken, tmp_path):
    program = script(tmp_path / "tell me", 'cat > "$1"; echo "$2 $LITEKEEP_EVENT $MINE" >> "$1.words"\n')
    out = tmp_path / "out"
    config(notify_command=f"'{program}' {out} \"two words\"")
    litekeep.backup(broken, expect=3, env={"MINE": "kept", "LITEKEEP_EVENT": "old"})
    message = json.loads(out.read_text())
    assert message["type"] == "failure" and len(message["problems"]) == 1
    assert (tmp_path / "out.words").read_text() == "two words failure kept\n"


@pytest.mark.parametrize("text, said", [
    ("echo 'no such user' >&2; exit 3\n", "exited with 3: no such user"),
    ("kill -9 $$\n", "was killed by signal 9"),
    ("sleep 60\n", "took longer than 600ms"),
    ("trap '' TERM; sleep 60 & wait; sleep 60\n", "took longer than 600ms"),
    ("exec <&-; exit 0\n", None),
    ("sleep 9 & exit 0\n", None),
    ("head -c 5000000 /dev/zero; cat\n", None),
], ids=["failing", "killed", "hanging", "stubborn", "deaf", "forking", "talkative"])
def test_a_command_in_trouble_is_a_warning(litekeep, config, small, tmp_path, text, said):
    program = script(tmp_path / "tell", text)
    config(notify_command=program, notify_success="yes", notify_timeout="600ms")
    started = time.monotonic()
    done = litekeep.backup(small)
    assert time.monotonic() - started < 20
    if said:
        assert f"litekeep: warning: notify-command: not delivered: {program} {said}" in done.err
    else:
        assert "not delivered" not in done.err


def test_a_command_is_waited_for_whatever_signals_were_ignored_before(litekeep, config, small, tmp_path):
    program = script(tmp_path / "tell", "cat > /dev/null; exit 7\n")
    config(notify_command=program, notify_success="yes")
    done = litekeep.backup(small, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert "exited with 7" in done.err


def test_a_command_that_is_not_there_is_a_warning(litekeep, config, small):
    config(notify_command="/no/such/program", notify_success="yes")
    assert "notify-command: not delivered: /no/such/program: there is no such program" in litekeep.backup(small).err


# ---- The log of messages

def test_messages_are_appended_to_a_log(litekeep, config, broken):
    log = litekeep.home / "state" / "messages.log"
    config(notify_log=log)
    for _ in range(2):
        litekeep.backup(broken, expect=3)
    lines = log.read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["failure"] * 2
    assert stat.S_IMODE(log.stat().st_mode) == 0o600 and log.read_bytes().isascii()


def test_a_log_that_cannot_be_written_is_a_warning_and_the_others_are_told(litekeep, config, receiver, broken, tmp_path):
    link = tmp_path / "link.log"
    link.symlink_to(tmp_path / "elsewhere")
    config(notify_log=link, notify_url=receiver.url)
    done = litekeep.backup(broken, expect=3)
    assert "notify-log: not delivered: " in done.err and not (tmp_path / "elsewhere").exists()
    assert len(receiver.messages()) == 1


# ---- The heartbeat

@pytest.mark.sanitized
def test_the_heartbeat_is_pinged_at_the_start_and_at_the_end(litekeep, config, receiver, small, broken):
    config(heartbeat_url=f"{receiver.url}/ping/uuid?rid=1")
    litekeep.backup(small)
    assert receiver.paths() == ["/ping/uuid/start?rid=1", "/ping/uuid?rid=1"]
    assert "The backup is complete" in receiver.requests[1][3].decode()
    receiver.requests.clear()
    config(heartbeat_url=f"{receiver.url}/ping/")
    litekeep.backup(broken, expect=3)
    assert receiver.paths() == ["/ping/start", "/ping/fail"]
    assert str(broken / "bad.db") in receiver.requests[1][3].decode()
    assert all(len(body) <= 10000 for _, _, _, body in receiver.requests)


def test_a_heartbeat_that_hangs_does_not_hold_up_the_backup(litekeep, config, receiver, small):
    """Its work is done, and its results are there, while the ping of the start still waits for an answer."""
    receiver.answers["/ping/start"] = lambda handler: receiver.released.wait(60) and 200
    config(heartbeat_url=f"{receiver.url}/ping", notify_timeout="30s")
    process = litekeep.start("backup", "--init", small)
    wait_for(lambda: litekeep.store.exists() and litekeep.databases() and litekeep.backups("small"), what="the backup")
    wait_for(lambda: receiver.paths() == ["/ping/start"], what="the ping")
    assert process.poll() is None
    receiver.released.set()
    assert litekeep.finish(process).status == 0
    assert receiver.paths() == ["/ping/start", "/ping"]


def test_a_heartbeat_in_trouble_is_a_warning(litekeep, config, receiver, small):
    receiver.answers["/ping/start"] = 404
    receiver.answers["/ping"] = receiver.hang
    config(heartbeat_url=f"{receiver.url}/ping", notify_timeout="600ms")
    done = litekeep.backup(small)
    assert "heartbeat-url: not delivered: 127.0.0.1 answered with 404" in done.err
    assert "heartbeat-url: not delivered: 127.0.0.1 did not answer within 600ms" in done.err


def test_an_interrupted_run_ends_the_heartbeat_and_tells_nobody(litekeep, config, receiver, small):
    config(notify_url=f"{receiver.url}/hook", heartbeat_url=f"{receiver.url}/ping")
    writer = sqlite3.connect(small, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    try:
        process = litekeep.start("backup", "--init", small, "--max-lock", "60s", "-v")
        wait_for(lambda: receiver.paths() == ["/ping/start"], what="the ping")
        process.send_signal(signal.SIGINT)
        done = litekeep.finish(process, 30)
    finally:
        writer.close()
    assert done.status == 130, done
    assert receiver.paths() == ["/ping/start", "/ping/fail"]


# ---- Secrets

def everything_below(folder):
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path, path.read_bytes()


def test_no_secret_shows_up_anywhere(litekeep, config, receiver, broken, tmp_path):
    """The secrets are in two files that only the config names. They may be found nowhere else: in no word or variable of any process, not
    in the logs, the messages, the journal or the output."""
    secrets = litekeep.home / "secrets"
    secrets.mkdir(mode=0o700)
    for name, text in (("url", f"{receiver.url}/canary-one?key=canary-two"), ("token", "canary-three"),
                       ("beat", f"http://canary-user:canary-four@127.0.0.1:{receiver.port}/canary-five")):
        (secrets / name).write_text(text + "\n")
        (secrets / name).chmod(0o600)
    receiver.answers.update({"/canary-one": 500, "/canary-five/start": 404, "/canary-five/fail": redirect(302, "file:///canary-six")})
    spy = script(tmp_path / "spy", f"cat > {tmp_path}/stdin; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ > {tmp_path}/processes 2> /dev/null; exit 1\n")
    config(notify_url_file=secrets / "url", notify_token_file=secrets / "token", heartbeat_url_file=secrets / "beat", notify_command=spy,
           notify_log=tmp_path / "messages.log", notify_timeout="1500ms")
    outputs = []
    for extra in (["-v", "--log", tmp_path / "run.log"], ["--json"]):
        done = litekeep("backup", "--init", broken, *extra, expect=3)
        outputs += [done.raw_out, done.raw_err]
        assert "notify-url-file: not delivered: 127.0.0.1 answered with 500" in done.err
        assert "heartbeat-url-file: not delivered: 127.0.0.1 answered with 404" in done.err
        assert "heartbeat-url-file: not delivered: 127.0.0.1 redirects to" in done.err
    sent = {path: headers.get("Authorization", "") for _, path, headers, _ in receiver.requests}
    assert sent["/canary-one?key=canary-two"] == "Bearer canary-three"
    assert sent["/canary-five/start"].startswith("Basic ") and sent["/canary-five/fail"].startswith("Basic ")
    assert (tmp_path / "processes").stat().st_size > 0 and (tmp_path / "run.log").stat().st_size > 0
    for text in outputs + [body for _, _, _, body in receiver.requests]:
        assert b"canary" not in text
    for path, content in everything_below(tmp_path):
        assert b"canary" not in content or secrets in path.parents, path


def test_a_secret_that_others_can_read_is_a_warning(litekeep, config, receiver, broken):
    file = litekeep.home / "url"
    file.write_text(f"  {receiver.url}/hook  \n\n")
    file.chmod(0o644)
    config(notify_url_file=file)
    done = litekeep.backup(broken, expect=3)
    assert f"notify-url-file: {file} can be read by others" in done.err and receiver.paths() == ["/hook"]
    file.chmod(0o600)
    assert "by others" not in litekeep.backup(broken, expect=3).err


@pytest.mark.parametrize("make, said", [
    (lambda p: None, "No such file"),
    (lambda p: p.mkdir(), "is no regular file"),
    (lambda p: os.mkfifo(p), "is no regular file"),
    (lambda p: p.write_text("\n"), "is empty"),
    (lambda p: p.write_text("a canary\nb"), "holds more than one word"),
    (lambda p: p.write_text("canary" * 5000), "is too long"),
    (lambda p: p.write_text("canary"), "the URL is none that begins with https:// or http://"),
    (lambda p: p.write_text("file:///etc/canary"), "the URL is none that begins with https:// or http://"),
], ids=["missing", "folder", "fifo", "empty", "words", "long", "text", "file"])
def test_a_secret_that_is_none_is_a_warning(litekeep, config, small, tmp_path, make, said):
    file = tmp_path / "url"
    make(file)
    if file.is_file():
        file.chmod(0o600)
    config(notify_url_file=file, notify_success="yes")
    done = litekeep.backup(small)
    assert "notify-url-file: not delivered: " in done.err and said in done.err and "canary" not in done.err


def test_a_secret_can_be_a_credential_of_systemd(litekeep, config, receiver, small, tmp_path):
    (tmp_path / "hook-token").write_text("from-systemd")
    (tmp_path / "hook-token").chmod(0o400)
    config(notify_url=receiver.url, notify_token_file="credential:hook-token", notify_success="yes")
    done = litekeep.backup(small, env={"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert "warning" not in done.err
    assert receiver.requests[0][2]["Authorization"] == "Bearer from-systemd"
    done = litekeep.backup(small)
    assert "LoadCredential=" in done.err and len(receiver.requests) == 1
    config(notify_url=receiver.url, notify_token_file="credential:../hook-token", notify_success="yes")
    done = litekeep.backup(small, env={"CREDENTIALS_DIRECTORY": str(tmp_path)}, expect=None)
    assert len(receiver.requests) == 1 and "credential" in done.err


# ---- Alarms

def test_an_alarm_is_told_once_and_its_end_too(litekeep, config, receiver, tmp_path):
    path = tmp_path / "posts.db"
    make_small(path, rows=3000)
    before = path.read_bytes()
    config(notify_url=f"{receiver.url}/hook", heartbeat_url=f"{receiver.url}/ping")
    litekeep.backup(path)
    db = sqlite3.connect(path)
    db.execute("DELETE FROM post WHERE id > 10")
    db.commit()
    db.close()
    receiver.requests.clear()
    litekeep.backup(path, expect=4)
    (message,) = receiver.messages()
    assert receiver.paths() == ["/ping/start", "/hook", "/ping/fail"]
    assert message["type"] == "alarm" and message["status"] == 4
    (alarm,) = [a for a in message["alarms"] if a["table"] == "post" and a["kind"] == "rows"]
    assert (alarm["database"], alarm["before"], alarm["now"], alarm["column"]) == ("posts", 3000, 10, None)
    assert alarm["path"] == str(path) and alarm["good"] == litekeep.backups("posts")[0].name
    assert shlex.split(alarm["restore"])[0].endswith("litekeep") and "restore" in shlex.split(alarm["restore"])
    assert message["text"].splitlines()[0].endswith("ALARM: data has shrunk or is gone")
    assert alarm["message"] in message["text"] and alarm["restore"] in message["text"]
    assert shlex.split(alarm["ack"])[-2:] == ["ack", "posts"]
    # Still open, but told: the watcher is content, and nobody is told again.
    receiver.requests.clear()
    litekeep.backup(path)
    assert receiver.messages() == [] and receiver.paths() == ["/ping/start", "/ping"]
    assert "Still open: " in receiver.requests[1][3].decode()
    receiver.requests.clear()
    path.write_bytes(before)
    litekeep.backup(path, expect=None)
    (message,) = receiver.messages()
    (over,) = [a for a in message["recovered"] if a["kind"] == "rows"]
    assert over["restore"] is None and over["ack"] is None, "they would overwrite what is right again"
    assert "Is over: " in message["text"] and "bring it back" not in message["text"]


def test_an_alarm_that_reached_nobody_is_told_by_the_next_run(litekeep, config, receiver, tmp_path):
    path = tmp_path / "posts.db"
    make_small(path, rows=3000)
    config(notify_url=f"{receiver.url}/hook", notify_log=tmp_path / "messages.log")
    litekeep.backup(path)
    db = sqlite3.connect(path)
    db.execute("DELETE FROM post WHERE id > 10")
    db.commit()
    db.close()
    receiver.answers["/hook"] = 404
    for expect in (4, 0):
        assert "not delivered" in litekeep.backup(path, expect=expect).err
    assert (litekeep.store / "posts" / ".untold").stat().st_size == 0
    litekeep("verify")
    receiver.answers["/hook"] = 200
    receiver.requests.clear()
    litekeep.backup(path)
    (message,) = receiver.messages()
    assert (message["type"], message["status"], message["alarms"]) == ("alarm", 0, [])
    assert message["open"][0]["good"] == litekeep.backups("posts")[0].name
    litekeep.backup(path)
    assert len(receiver.requests) == 1
    assert not (litekeep.store / "posts" / ".untold").exists()


def lose(path, *tables):
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table in tables:
            db.execute(f"DELETE FROM {table}")
        db.commit()


def test_a_message_about_one_database_is_none_about_another(litekeep, config, receiver, tmp_path):
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    for path in (one, other):
        make_small(path, rows=300)
    config(notify_url=f"{receiver.url}/hook", notify_timeout="3s")
    litekeep.backup(one, other)
    lose(one, "post")
    receiver.answers["/hook"] = 404
    litekeep.backup(one, expect=4)
    lose(other, "post")
    receiver.answers["/hook"] = 200
    litekeep.backup(other, expect=4)
    receiver.requests.clear()
    litekeep.backup(one, other)
    (message,) = receiver.messages()
    assert message["type"] == "alarm" and message["alarms"] == []
    assert {a["database"] for a in message["open"]} == {"one", "other"}
    litekeep.backup(one, other)
    assert len(receiver.requests) == 1


def test_an_alarm_of_a_whole_folder_that_reached_nobody_is_told_by_the_next_run(litekeep, config, receiver, tmp_path):
    folder = tmp_path / "mounted"
    folder.mkdir()
    for name in ("a", "b"):
        make_small(folder / f"{name}.db")
    config(notify_url=f"{receiver.url}/hook")
    litekeep.backup(folder)
    for path in folder.iterdir():
        path.unlink()
    receiver.answers["/hook"] = 404
    litekeep.backup(folder, expect=None)
    assert (litekeep.store / ".untold").stat().st_size == 0
    receiver.answers["/hook"] = 200
    receiver.requests.clear()
    litekeep.backup(folder, expect=None)
    (message,) = receiver.messages()
    assert message["type"] == "alarm" and [a["kind"] for a in message["open"]] == ["root"]
    assert not (litekeep.store / ".untold").exists()


def test_an_alarm_is_told_wherever_the_run_was_killed_after_it_was_written_down(litekeep, config, receiver, tmp_path):
    path = tmp_path / "posts.db"
    make_small(path, rows=300)
    config(notify_url=f"{receiver.url}/hook")
    litekeep.backup(path)
    lose(path, "post")
    journal, kept = litekeep.store / "posts" / "events.jsonl", tmp_path / "kept"
    shutil.copytree(litekeep.store, kept)
    killed = 0
    for number in range(1, 30):
        shutil.rmtree(litekeep.store)
        shutil.copytree(kept, litekeep.store)
        process = litekeep.start("backup", path, before=[
            tool("strace"), "-f", "-qq", "-o", "/dev/null", "-P", journal, "-e", "trace=fsync,fdatasync",
            "-e", f"inject=fsync,fdatasync:signal=KILL:when={number}"])
        if litekeep.finish(process).status == 4:
            break
        if '"type":"alarm"' not in journal.read_text().replace(" ", ""):
            continue
        killed += 1
        receiver.requests.clear()
        litekeep.backup(path, expect=None)
        (message,) = receiver.messages()
        assert message["type"] == "alarm" and "post" in {a["table"] for a in message["alarms"] + message["open"]}
        litekeep.backup(path)
        assert len(receiver.requests) == 1
    assert killed > 0


@pytest.mark.sanitized
def test_what_the_backup_before_a_restore_finds_is_shown_and_told_by_the_next_run(litekeep, config, receiver, tmp_path):
    path = tmp_path / "posts.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table in ("users", "orders"):
            db.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, text)")
            db.executemany(f"INSERT INTO {table} (text) VALUES (?)", [(f"text {i}",) for i in range(300)])
        db.commit()
    config(notify_url=f"{receiver.url}/hook")
    litekeep.backup(path)
    lose(path, "users", "orders")
    done = litekeep("restore", "posts", "--into", path, "--table", "users", "--force", "-q")
    assert "ALARM" in done.err and "orders" in done.err
    assert receiver.requests == []
    litekeep.backup(path, expect=None)
    (message,) = receiver.messages()
    assert message["type"] == "alarm" and [a["table"] for a in message["open"]] == ["orders"]
    assert [a["table"] for a in message["recovered"]] == ["users"]
    litekeep.backup(path)
    assert len(receiver.requests) == 1


def test_an_alarm_that_was_over_before_anybody_was_told_leaves_nothing(litekeep, config, receiver, tmp_path):
    path = tmp_path / "posts.db"
    make_small(path, rows=300)
    config(notify_url=f"{receiver.url}/hook")
    litekeep.backup(path)
    lose(path, "post")
    receiver.answers["/hook"] = 404
    litekeep.backup(path, expect=4)
    assert (litekeep.store / "posts" / ".untold").exists()
    litekeep("ack", "posts")
    litekeep.backup(path)
    assert not (litekeep.store / "posts" / ".untold").exists()


# ---- A test message, and a config that is broken

def test_a_test_message_goes_to_everything_that_is_named(litekeep, config, receiver, small, tmp_path):
    litekeep.backup(small)
    program = script(tmp_path / "tell", f'echo "$LITEKEEP_EVENT" > {tmp_path}/event\n')
    config(notify_url=f"{receiver.url}/hook", notify_command=program, notify_log=tmp_path / "messages.log", heartbeat_url=f"{receiver.url}/ping")
    litekeep("config", "check", "--send-test")
    assert receiver.paths() == ["/hook", "/ping"]
    assert receiver.messages()[0]["type"] == json.loads((tmp_path / "messages.log").read_text())["type"] == "test"
    assert (tmp_path / "event").read_text() == "test\n"
    receiver.answers["/hook"] = 403
    done = litekeep("config", "check", "--send-test", expect=1)
    assert "notify-url: not delivered: 127.0.0.1 answered with 403" in done.err
    assert "1 of 4 receivers did not take the message" in done.err


def test_a_broken_config_ends_the_run_and_the_watcher_misses_it(litekeep, config, receiver, small):
    config(heartbeat_url=f"{receiver.url}/ping", no_such_key=1)
    litekeep("backup", "--init", small, expect=2)
    assert receiver.requests == []


# ---- The log of a run

@pytest.mark.sanitized
def test_a_run_can_be_logged(litekeep, small, broken, tmp_path):
    log = tmp_path / "state" / "run.log"
    done = litekeep.backup(small, "--log", log)
    assert done.out == "" and done.err == ""
    done = litekeep.backup(broken, "-q", "--log", log, expect=3)
    assert done.out == "" and "bad.db" in done.err
    lines = log.read_text().splitlines()
    assert all(HOUR_STAMP.match(line) for line in lines), lines
    text = [line[21:] for line in lines]
    assert sum("1 database backed up to " in line for line in text) == 2
    assert any("bad.db" in line and line.startswith("litekeep: ") for line in text)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_json_goes_to_both(litekeep, small, tmp_path):
    log = tmp_path / "run.log"
    done = litekeep.backup(small, "--json", "--log", log)
    assert [line[21:] for line in log.read_text().splitlines()] == done.out.splitlines()
    assert done.json_lines()[-1]["type"] == "summary"


def test_a_run_whose_log_cannot_be_opened_is_made_nevertheless(litekeep, small, tmp_path):
    link = tmp_path / "run.log"
    link.symlink_to(tmp_path / "elsewhere")
    done = litekeep.backup(small, "--log", link)
    assert "is a link" in done.err and "1 database backed up" in done.out
    assert not (tmp_path / "elsewhere").exists() and litekeep.backups("small")
    litekeep("backup", small, "--log", f"{tmp_path}/", expect=2)


def test_the_log_of_a_run_is_rotated(litekeep, small, tmp_path):
    log = tmp_path / "run.log"
    log.write_bytes(b"x" * (1 << 20))
    litekeep.backup(small, "--log", log)
    assert (tmp_path / "run.log.1").stat().st_size == 1 << 20 and log.stat().st_size < 10000


def test_errors_before_the_work_are_logged(litekeep, small, tmp_path):
    log = tmp_path / "run.log"
    litekeep("backup", small, "--log", log, store=tmp_path / "unmounted", expect=10)
    assert "unmounted" in log.read_text()


@pytest.mark.root
def test_a_full_disk_for_the_log_is_said_and_nothing_more(litekeep, small, mounts):
    full = mounts.tmpfs("full", "size=16k")
    with contextlib.suppress(OSError):
        (full / "filler").write_bytes(b"x" * 100000)
    done = litekeep.backup(small, "--log", full / "run.log")
    assert litekeep.backups("small") and "No space left on device" in done.err
