# SPDX-License-Identifier: GPL-2.0-only
"""Waiting for a condition: the only way in which a test may let time pass."""
import time


class TimedOut(AssertionError):
    """A condition did not come true in time."""


def wait_for(condition, timeout=60, what=None, interval=0.1):
    """Call condition() until it returns something true, and return that.

    condition may also be an assertion: an AssertionError counts as "not yet".
    Raises TimedOut with `what` (text, or a function that makes it) after
    `timeout` seconds.
    """
    end = time.monotonic() + timeout
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except TimedOut:
            raise
        except AssertionError as e:
            last = e
        if time.monotonic() > end:
            text = what() if callable(what) else what
            raise TimedOut(f"not within {timeout} s: {text or condition}; last seen: {last}")
        time.sleep(interval)
