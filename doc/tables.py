# SPDX-License-Identifier: GPL-2.0-only
"""What the tools say about themselves: commands and options with ranges and defaults."""

import json
import pathlib
import re
import subprocess
import xml.etree.ElementTree as ET

SOURCE = pathlib.Path(__file__).resolve().parent.parent

# Commands that the help of drbdsetup does not list, because that of version 9.22 does not.
UNLISTED = ["peer-role", "udev"]

def output(*command):
    """Standard output of a tool; some helps end with a status other than 0."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def drbdadm(directory):
    return json.loads(output(directory / "drbdadm", "tables-json"))


def drbdsetup(directory):
    """Per command: name, summary, arguments, options."""
    tool = directory / "drbdsetup"
    names = re.findall(r"^ {4}([a-z0-9-]+) - ", output(tool, "help"), re.MULTILINE)
    commands = []
    for name in names + [n for n in UNLISTED if n not in names]:
        root = ET.fromstring(output(tool, "xml-help", name))
        arguments = []
        for child in root:
            if child.tag == "argument":
                arguments.append("{" + child.text + "}")
            elif child.tag == "group":
                arguments.append(" | ".join("{resource}" if a.text == "resource" else a.text
                                            for a in child))
        options = [dict({"name": o.get("name"), "kind": o.get("type"),
                         "words": [h.text for h in o if h.tag in ("handler", "symbol")]},
                        **{c.tag: c.text or "" for c in o if c.tag not in ("handler", "symbol")})
                   for o in root.findall("option")]
        commands.append({"name": name, "summary": root.findtext("summary"),
                         "arguments": arguments, "options": options})
    return commands


def drbdmeta(directory):
    """Commands with their arguments from the usage; options from the table in the source."""
    usage = output(directory / "drbdmeta").split("COMMANDS:\n")[1]
    commands = [tuple((line.strip() + " ").split(" ", 1)) for line in usage.splitlines() if line]
    text = (SOURCE / "utils/drbdmeta/options.cc").read_text()
    options = [{"name": name, "letter": letter, "value": value == "true"}
               for name, letter, value in
               re.findall(r'^\t\{"([a-z-]+[a-zB]*)", (?:\'(.)\'|0), (true|false),', text,
                          re.MULTILINE)]
    words = {"initialize-bitmap": "InitBitmap", "output-format": "OutputFormat"}
    for option in options:
        kind = words.get(option["name"])
        option["words"] = re.findall(rf'\{{"([a-z-]+)", {kind}::', text) if kind else []
    return {"commands": [(name, arguments.strip()) for name, arguments in commands],
            "options": options}


def drbdmon(directory):
    """Its --help as paragraphs and options; keys and actions from the tables in the source."""
    usage = output(directory / "drbdmon", "--help")
    options = []
    for line in re.findall(r"^  (-.*(?:\n {10,}.*)*)", usage, re.MULTILINE):
        tag, _, text = line.partition("  ")
        options.append((tag.strip(), " ".join(text.split())))
    head, _, tail = usage.partition("\n  -")
    paragraphs = [" ".join(p.split()) for p in head.split("\n\n")[1:] +
                  tail.split("\n\n")[1:]]
    view = (SOURCE / "utils/drbdmon/view.cc").read_text()
    start = view.index("Page help_page()")
    keys = re.findall(r'^\t\t\{"([^"]+)", "([^"]+)"\},', view[start:view.index("\n}\n", start)],
                      re.MULTILINE)
    actions = re.findall(r"\{'(.)', L::\w+, \"[^\"]+\",\s*\"([^\"]+)\",\s*\"([^\"]+)\", "
                         r"A::(\w+),",
                         (SOURCE / "utils/drbdmon/actions.cc").read_text())
    return {"synopsis": usage.split("\n")[0].partition(" ")[2], "options": options,
            "paragraphs": paragraphs, "keys": keys, "actions": actions}


def agent(name):
    """Description of a resource agent by itself."""
    return ET.fromstring(output(SOURCE / "host/ocf" / name, "meta-data"))
