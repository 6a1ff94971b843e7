# SPDX-License-Identifier: GPL-2.0-only
"""Our drbdsetup against recorded behaviour; see run_drbdsetup.py."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def test_drbdsetup():
    r = subprocess.run([sys.executable, os.path.join(HERE, "run_drbdsetup.py")], capture_output=True, text=True)
    assert r.returncode == 0, r.stdout + r.stderr
