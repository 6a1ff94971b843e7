# SPDX-License-Identifier: GPL-2.0-only
"""The first thing that must work, on both kernels."""
import pytest

import story


@pytest.mark.parametrize("cluster", ["6.1", "6.12"], indirect=True)
def test_story(cluster):
    story.tell(cluster, print)
