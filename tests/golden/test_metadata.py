# SPDX-License-Identifier: GPL-2.0-only
"""Our drbdmeta against recorded images and dumps, each case a test; see run_metadata.py."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run_metadata  # noqa: E402

BUILD = os.environ.get("BUILD", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build"))


@pytest.mark.parametrize("name", run_metadata.CASES)
def test_drbdmeta(name):
    debian = run_metadata.find_debian()
    run_metadata.run_case(name, os.path.abspath(os.path.join(BUILD, "bin", "drbdmeta")), debian)
