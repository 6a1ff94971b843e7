# SPDX-License-Identifier: GPL-2.0-only
"""drbd.conf(5) against the words that the parser of drbdadm knows, and what it accepts."""

import os
import re
import subprocess
import sys

import pytest

from conftest import BUILD, ROOT


@pytest.fixture(name="docs", scope="module")
def fixture_docs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("doc")
    subprocess.run([sys.executable, ROOT / "doc/generate.py", BUILD / "bin", directory], check=True)
    return directory


def keywords():
    """From the table of the scanner."""
    source = (ROOT / "utils/drbdadm/scanner.cc").read_text()
    table = source[source.index("constexpr auto keywords"):]
    return re.findall(r'^\t\{"([a-z_-]+)", T::', table[:table.index("});")], re.MULTILINE)


def literals(page):
    """Words that the page shows as to be typed."""
    text = page.read_text().replace("\\-", "-")
    # A common beginning is written only once.
    text = re.sub(r"\\fB(require[a-z-]+-)\\fR\{(.*)\}", lambda m: " ".join(
        f"\\fB{m[1]}{end}\\fR" for end in re.findall(r"\\fB([a-z]+)\\fR", m[2])), text)
    return {word for bold in re.findall(r"\\fB(.*?)\\fR", text)
            for word in re.findall(r"[a-z_-]+", bold)}


def test_manual_has_every_keyword_of_the_parser(docs):
    known = keywords()
    assert len(known) > 60 and {"on", "via", "yes"} <= set(known)
    assert set(known) - literals(docs / "drbd.conf.5") == set()


# What the page says can be written beside the usual.
UNUSUAL = {
    "legacy": """resource r {
        protocol C;
        syncer { rate 10M; verify-alg crc32c; }
        on alpha { node-id 0; address sci 127.0.0.1:1; device minor 0; disk /dev/null;
                   flexible-meta-disk /dev/zero; }
        on beta { node-id 1; address ssocks 127.0.0.2:1; device minor 0; disk /dev/null;
                  flexible-meta-disk internal; }
    }""",
    "proxy": """resource r {
        proxy { memlimit 100M; plugin { zlib level 9; } }
        volume 0 { device minor 0; disk /dev/null; meta-disk internal; }
        on alpha { node-id 0; address sdp 127.0.0.1:1;
                   proxy on alpha { inside 127.0.0.1:2; outside 127.0.0.1:3; } }
        on beta { node-id 1; address sdp 127.0.0.2:1;
                  proxy on beta { inside 127.0.0.2:2; outside 127.0.0.2:3;
                                  options { plugin { zlib level 1; } } } }
    }""",
    "via": """resource r {
        volume 0 { device minor 0; disk /dev/null; meta-disk internal; }
        on alpha { node-id 0; }
        on beta { node-id 1; volume 0 { disk none; tiebreaker no; } }
        connection {
            path { host alpha address 127.0.0.1:1;
                   host beta address 127.0.0.2:1 via outside-address 127.0.0.3:1; }
            path { host alpha address 127.0.0.1:2 via proxy on alpha
                       { inside 127.0.0.1:3; outside 127.0.0.1:4; }
                   host beta address 127.0.0.2:2 via proxy on beta
                       { inside 127.0.0.2:3; outside 127.0.0.2:4; } }
        }
    }""",
    "floating": """resource r {
        volume 0 { device minor 0; disk /dev/null; meta-disk internal; }
        floating 127.0.0.1:1; floating 127.0.0.9:1;
    }""",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_words_of_the_manual_are_accepted(name):
    text = "global { disable-ip-verification; }\n" + UNUSUAL[name]
    run = subprocess.run([BUILD / "bin/drbdadm", "-c", "-", "dump"], input=text,
                         capture_output=True, text=True, check=False,
                         env=dict(os.environ, __DRBD_NODE__="alpha"))
    assert run.returncode == 0 and ":" not in run.stderr, run.stderr


def test_manual_says_that_ignore_on_is_refused(docs):
    assert "\\fBignore\\-on\\fR is no longer accepted" in \
        " ".join((docs / "drbd.conf.5").read_text().split())
    run = subprocess.run([BUILD / "bin/drbdadm", "-c", "-", "sh-nop"], capture_output=True,
                         input="resource r { ignore-on alpha; }", text=True, check=False)
    assert run.returncode == 10 and "but got 'ignore-on'" in run.stderr


def test_manual_of_drbdadm_says_for_what_a_file_can_be_tested(docs):
    usage = subprocess.run([BUILD / "bin/drbdadm", "-t", "/dev/null", "-c", "/dev/null", "up", "all"],
                           capture_output=True, text=True, check=False)
    assert usage.returncode == 1
    page = " ".join((docs / "drbdadm.8").read_text().replace("\\-", "-").split())
    assert "only for dump, dump-xml and sh-nop, status 1 with other commands." in page
    assert "Remove them" not in page
