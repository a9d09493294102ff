"""Completion as a person gets it: real shells on a terminal, the keys pressed, and the command line that comes of it.

Each shell has a key that puts all completions into the line, and one that writes the line to a file.
"""
import os
import pty
import select
import signal
import subprocess
import time

ALL, DUMP = "\x18a", "\x07"
BASH = r"""
PS1='READY>' HISTFILE=
%(loader)s
bind 'set bell-style none'
bind 'set enable-bracketed-paste off'
bind '"\C-xa": insert-completions'
__dump() { printf '%%s\nEND\n' "$READLINE_LINE" > "$LINE_FILE"; READLINE_LINE=; }
bind -x '"\C-g": __dump'
"""
ZSH = r"""
PS1='READY>' HISTFILE=
fpath=(%(folder)s $fpath)
autoload -Uz compinit && compinit -u -D
unsetopt beep
everything() { compstate[insert]=all; compstate[list]= }
complete-everything() { comppostfuncs=(everything); zle complete-word }
dump() { printf '%%s\nEND\n' "$BUFFER" > $LINE_FILE; BUFFER= }
zle -N complete-everything
zle -N dump
bindkey '^Xa' complete-everything
bindkey '^G' dump
"""


class Shell:
    """Bash or zsh on a terminal."""

    def __init__(self, command, env, cwd):
        self.line_file = cwd / "line"
        self.seen = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], command, {**env, "LINE_FILE": str(self.line_file), "TERM": "dumb", "COLUMNS": "4000"})
        self.until(lambda: b"READY>" in self.seen)

    def until(self, done, timeout=100):
        end = time.monotonic() + timeout
        while not done():
            assert time.monotonic() < end, f"the shell does not answer: {self.seen[-2000:]!r}"
            if select.select([self.terminal], [], [], 0.05)[0]:
                self.seen += os.read(self.terminal, 65536)

    def press(self, keys):
        """The line after these keys."""
        self.line_file.unlink(missing_ok=True)
        os.write(self.terminal, (keys + DUMP).encode())
        self.until(lambda: self.line_file.exists() and self.line_file.read_text().endswith("END\n"))
        return self.line_file.read_text().removesuffix("\nEND\n")

    def __call__(self, line):
        """What the shell offers at the end of a line: its words, as they would be put in."""
        typed = line.rsplit(" ", 1)[0] + " "
        found = self.press(line + ALL)
        assert found.startswith(typed), f"{found!r} does not begin with {typed!r}"
        return found.removeprefix(typed).split() if found != line else []

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def bash(env, cwd, loader):
    rc = cwd / "bashrc"
    rc.write_text(BASH % {"loader": loader})
    return Shell(["bash", "--noprofile", "--rcfile", str(rc), "-i"], env, cwd)


def zsh(folder, env, cwd):
    (cwd / ".zshrc").write_text(ZSH % {"folder": folder})
    return Shell(["zsh", "-d", "-i"], {**env, "ZDOTDIR": str(cwd)}, cwd)


class Fish:
    """Fish tells what it would offer."""

    def __init__(self, folder, env, cwd):
        self.env, self.cwd, self.folder = env, cwd, folder

    def run(self, script, *args):
        return subprocess.run(["fish", "--no-config", "-c", f"set -p fish_complete_path {self.folder}\n{script}", *args], cwd=self.cwd, env=self.env,
                              capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, timeout=60)

    def __call__(self, line):
        done = self.run("complete -C $argv[1]", line)
        assert done.stderr == "", done.stderr
        return [offer.split("\t")[0] for offer in done.stdout.splitlines()]

    def close(self):
        pass
