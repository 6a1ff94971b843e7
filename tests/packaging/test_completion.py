# SPDX-License-Identifier: GPL-2.0-only
"""Completion in a real interactive bash and zsh, each on a terminal of its own.

A key writes the line as it is into a pipe, so that nothing here waits for time to pass: keys are
handled one after the other, and the answer comes when completion is done."""

import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from conftest import BUILD, ROOT

DEADLINE = 60
READY = "shell is ready> "

BASH = """
source $DOCS/drbdadm.bash
bind 'set enable-bracketed-paste off'
bind -x '"\\C-g": printf "%s\\0" "$READLINE_LINE" >&$ANSWERS'
bind '"\\C-o": insert-completions'
PS1=$PROMPT
"""

ZSH = """
fpath=($DOCS $fpath)
autoload -Uz compinit
compinit -D -u
bindkey -e
unset zle_bracketed_paste
answer() { print -rn -- "$BUFFER"$'\\0' >&$ANSWERS }
zle -N answer
bindkey '^G' answer
all-completions() { _main_complete; compstate[insert]=all }
zle -C all-completions complete-word all-completions
bindkey '^O' all-completions
PS1=$PROMPT
"""

CONFIG = """
resource {name} {{
    volume 0 {{ device minor 0; disk /dev/null; meta-disk internal; }}
    on alpha {{ node-id 0; address 127.0.0.1:7788; }}
    on beta {{ node-id 1; address 127.0.0.2:7788; }}
}}
"""


class Shell:
    def __init__(self, command, environment):
        answers, ours = os.pipe()
        os.set_inheritable(ours, True)
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.execvpe(command[0], command, dict(environment, ANSWERS=str(ours)))
        os.close(ours)
        self.answers, self.shown = answers, ""
        self.until(lambda: READY in self.shown)

    def until(self, done):
        """Read what is shown until something is so."""
        end = time.monotonic() + DEADLINE
        while not done():
            ready = select.select([self.terminal, self.answers], [], [],
                                  max(0, end - time.monotonic()))[0]
            assert ready, self.shown
            if self.terminal in ready:
                self.shown += os.read(self.terminal, 65536).decode(errors="replace")
            if self.answers in ready:
                self.answer += os.read(self.answers, 65536)

    def line(self, keys):
        """The line after these keys, on a line that was empty."""
        self.answer = b""
        os.write(self.terminal, f"{keys}\x07\x15".encode())
        self.until(lambda: self.answer.endswith(b"\0"))
        return self.answer[:-1].decode()

    def tab(self, text):
        return self.line(text + "\t")

    def tab_and_on(self, text):
        """Then a word more: zsh takes back a = after which nothing has to follow."""
        return self.line(text + "\t word").split()

    def all(self, text):
        """Everything that could stand in place of the last word."""
        line = self.line(text + "\x0f")
        # Nothing fits: the word is left alone.
        if line == text:
            return []
        start = max(text.rfind(c) for c in " =") + 1
        assert line[:start] == text[:start], line
        # zsh repeats the option with each value.
        option = text.split(" ")[-1].rpartition("=")
        return [word.removeprefix(option[0] + option[1]) for word in line[start:].split()]

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)
        os.close(self.answers)


@pytest.fixture(name="folder", scope="module")
def fixture_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completion")
    (folder / "docs").mkdir()
    subprocess.run([sys.executable, ROOT / "doc/generate.py", BUILD / "bin", folder / "docs"],
                   check=True)
    (folder / "default.conf").write_text(CONFIG.format(name="usual"))
    (folder / "other.conf").write_text(CONFIG.format(name="rare"))
    (folder / "bin").mkdir()
    for name, script in [
            # The real one, with another place for the usual configuration.
            ("drbdadm", f'case " $* " in *" -c "*) ;; *) set -- -c {folder}/default.conf "$@" ;; esac\n'
                        f'exec {BUILD}/bin/drbdadm "$@"'),
            ("drbdsetup", 'echo "exists resource name:web role:Primary"; echo "exists -"')]:
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / "bin" / name).chmod(0o755)
    return folder


@pytest.fixture(name="shell", scope="module", params=["bash", "zsh"])
def fixture_shell(request, folder):
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    home = folder / request.param
    home.mkdir()
    (home / ".bashrc").write_text(BASH)
    (home / ".zshrc").write_text(ZSH)
    command = {"bash": ["bash", "--noprofile", "--rcfile", str(home / ".bashrc"), "-i"],
               "zsh": ["zsh", "-d", "-i"]}[request.param]
    shell = Shell(command, {
        "PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder), "ZDOTDIR": str(home),
        "DOCS": str(folder / "docs"), "PROMPT": READY, "TERM": "vt100", "LC_ALL": "C.UTF-8",
        "__DRBD_NODE__": "alpha", "HISTFILE": ""})
    shell.name = request.param
    yield shell
    shell.stop()


def test_commands(shell):
    assert shell.all("drbdadm adj") == ["adjust", "adjust-with-progress"]
    assert shell.tab("drbdadm disco") == "drbdadm disconnect "
    assert shell.all("drbdadm help adj") == ["adjust", "adjust-with-progress"]
    assert shell.all("drbdadm -d -v adj") == ["adjust", "adjust-with-progress"]
    assert shell.all("drbdsetup stat") == ["status"]
    assert "drbdsetup" not in shell.all("drbdsetup ")
    assert set(shell.all("drbdmeta - v09 /dev/null internal dump-")) == {"dump-md",
                                                                         "dump-superblock"}
    assert set(shell.all("drbdmeta --force -i 3 0 v")) == {"v08", "v09"}


def test_options(shell):
    assert shell.tab("drbdadm --dry").rstrip() == "drbdadm --dry-run"
    assert shell.tab_and_on("drbdadm disconnect --fo") == ["drbdadm", "disconnect", "--force", "word"]
    for general in ("-d", "-vd", "-c /dev/null", "--config-file=/dev/null", "-c/dev/null"):
        for words in (f"drbdadm {general} connect", f"drbdadm connect {general}"):
            assert shell.tab_and_on(f"{words} --disc") == \
                [*words.split(), "--discard-my-data", "word"]
    assert shell.tab("drbdadm attach --on-io-e") == "drbdadm attach --on-io-error="
    assert shell.all("drbdadm connect --on-io-e") == []
    assert shell.tab("drbdsetup events2 --timest").rstrip() == "drbdsetup events2 --timestamps"
    assert shell.tab("drbdmeta --ignore-s").rstrip() == "drbdmeta --ignore-sanity-checks"
    assert shell.tab("drbdmon --read").rstrip() == "drbdmon --read-only"


def test_words_of_options(shell):
    policies = {"pass_on", "call-local-io-error", "detach"}
    assert set(shell.all("drbdadm attach --on-io-error=")) == policies
    assert set(shell.all("drbdadm attach --on-io-error ")) == policies
    assert shell.tab("drbdadm -d attach --on-io-error=det").rstrip() == \
        "drbdadm -d attach --on-io-error=detach"
    assert set(shell.all("drbdadm attach --al-updates=")) == {"yes", "no"}
    assert shell.tab("drbdsetup attach --on-io-error=p").rstrip() == \
        "drbdsetup attach --on-io-error=pass_on"
    assert set(shell.all("drbdmeta --output-format=")) == {"auto", "hex", "bin", "json"}
    assert shell.tab("drbdmeta -b z").rstrip() == "drbdmeta -b zeroout"


@pytest.mark.parametrize("words", [
    "drbdadm -c ", "drbdadm --config-file ", "drbdadm --config-file=", "drbdadm -dc ",
    "drbdadm dump -t ", "drbdadm -E ", "drbdadm -s ", "drbdadm --drbdsetup=", "drbdadm up --drbdmeta=",
    "drbdmon -f ", "drbdmon --file=", "drbdmeta --var-lib-drbd=",
    "drbdmeta 0 v09 ", "drbdmeta 0 v09 /dev/x internal restore-md "])
def test_files(shell, folder, words):
    assert shell.tab(f"{words}{folder}/oth").rstrip() == f"{words}{folder}/other.conf"
    assert shell.tab(f"{words}{folder}/nothing-of-that-kind").rstrip() == \
        f"{words}{folder}/nothing-of-that-kind"


def test_no_files_where_none_belongs(shell):
    os_files = {p.name for p in pathlib.Path.cwd().iterdir()}
    for words in ("drbdadm -n ", "drbdadm -W ", "drbdadm sh-resources ", "drbdmon -i "):
        assert not os_files & set(shell.all(words)), words


def test_resources(shell, folder):
    assert shell.tab("drbdadm up u") == "drbdadm up usual "
    assert set(shell.all("drbdadm up ")) == {"all", "usual"}
    assert shell.tab("drbdadm -d up u") == "drbdadm -d up usual "
    assert shell.tab("drbdadm up all u") == "drbdadm up all usual "
    # A value is no command.
    assert shell.tab("drbdadm -n dump up u") == "drbdadm -n dump up usual "
    assert shell.all("drbdadm sh-nop u") == []
    for option in ("-c ", "-c", "-dc ", "--config-file ", "--config-file="):
        for where in (f"drbdadm {option}{folder}/other.conf up r",
                      f"drbdadm up {option}{folder}/other.conf r"):
            assert shell.tab(where) == where + "are ", where
    # The home directory is the folder.
    assert shell.tab("drbdadm -c ~/other.conf up r") == "drbdadm -c ~/other.conf up rare "
    # Standard input is not read.
    assert shell.all("drbdadm -c - up r") == []
    assert shell.tab("drbdsetup status w") == "drbdsetup status web "
    assert shell.tab("drbdmon w") == "drbdmon web "
