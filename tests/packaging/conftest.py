# SPDX-License-Identifier: GPL-2.0-only
"""What surrounds the tools on a host, tested with stand-ins for the programs it calls."""

import os
import pathlib
import shlex
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")


class Host:
    """A directory with stand-ins that note how they were called."""

    def __init__(self, directory):
        self.dir = directory
        self.bin = directory / "bin"
        self.log = directory / "log"
        self.proc = directory / "proc"
        self.bin.mkdir()
        self.proc.mkdir()
        (self.proc / "drbd").write_text("version: 9.3.3\n")
        self.env = {"PATH": f"{self.bin}:/usr/bin:/bin", "DRBD_TEST_PATH": str(self.bin),
                    "DRBD_TEST_PROC": str(self.proc), "HOME": str(directory)}
        self.program("logger")

    def program(self, name, body=""):
        """A program that notes its arguments and then does this, in bash; $DIR is the directory."""
        path = self.bin / name
        path.write_text(f"#!/bin/bash\nDIR={shlex.quote(str(self.dir))}\n"
                        f'printf "%s\\n" "{name} $*" >>"$DIR/log"\n{body}\n')
        path.chmod(0o755)

    def calls(self, name=None):
        """Calls so far, apart from those of the log program."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if
                (line.split()[0] == name if name else line.split()[0] != "logger")]

    def forget(self):
        self.log.unlink(missing_ok=True)

    def run(self, *command, env=None, timeout=30, **more):
        return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              env={**self.env, **(env or {})}, timeout=timeout, check=False,
                              **more)


@pytest.fixture(name="host")
def fixture_host(tmp_path):
    return Host(tmp_path)
