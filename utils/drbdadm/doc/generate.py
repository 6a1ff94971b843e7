#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write drbdadm.8, drbd.conf.5 and the bash and zsh completions.

    generate.py DRBDADM OUTPUT-DIRECTORY

Commands, options, ranges and defaults come from `drbdadm tables-json`, that is from the schema;
the texts around them stand here.
"""

import json
import pathlib
import subprocess
import sys

# Of the last change to the texts here.
DATE = "2026-11-21"

SECTIONS = {
    "options": ("options", "Options of the resource as a whole, in its \\fBoptions\\fR section."),
    "net": ("net", "Options of a connection: in the \\fBnet\\fR section of a resource, "
                   "connection, connection-mesh or common."),
    "disk": ("disk", "Options of the local disk: in the \\fBdisk\\fR section of a resource, "
                     "volume or common."),
    "peer-device": ("disk (towards a peer)",
                    "Options of a volume towards a peer: in any \\fBdisk\\fR section, in that of a "
                    "connection or of its volumes only these."),
    "device": ("disk (the device)", "Options of the block device, given when it is created."),
    "startup": ("startup", "How long to wait for peers at startup."),
    "handlers": ("handlers", "Programs that the driver calls by way of drbdadm."),
    "proxy": ("proxy", "Options for a drbd-proxy."),
}

WHAT = {
    "attach": "attach the backing disk", "disk-options": "change options of the disk",
    "detach": "detach the backing disk", "connect": "connect to peers",
    "net-options": "change options of connections", "disconnect": "disconnect from peers",
    "up": "bring resources up: create, attach and connect",
    "resource-options": "change options of the resource",
    "peer-device-options": "change options of volumes towards peers",
    "down": "take resources down", "primary": "promote the resource to Primary",
    "secondary": "demote the resource to Secondary",
    "invalidate": "discard the local data; it is replaced from a peer",
    "invalidate-remote": "discard the data of peers; it is replaced from here",
    "outdate": "mark the local data as outdated", "resize": "use a changed size of the disks",
    "verify": "compare the data with peers", "pause-sync": "pause synchronisation",
    "resume-sync": "continue synchronisation",
    "adjust": "make the running state equal to the configuration",
    "adjust-with-progress": "the same, showing progress",
    "new-peer": "make a connection known to the driver", "del-peer": "forget a connection",
    "new-path": "add the paths of connections", "del-path": "remove the paths of connections",
    "wait-connect": "wait until connected", "wait-sync": "wait until synchronised",
    "wait-con-int": "wait until connected, at boot", "role": "show the role",
    "cstate": "show states of connections", "dstate": "show states of disks",
    "status": "show the state of everything", "dump": "show the configuration as understood",
    "dump-xml": "show the configuration as XML", "create-md": "write new metadata",
    "show-gi": "show generation identifiers, explained",
    "get-gi": "show generation identifiers", "dump-md": "show the metadata",
    "wipe-md": "destroy the metadata", "apply-al": "apply the activity log",
    "forget-peer": "free the metadata slot of a peer",
    "explain": "say what is not as it should be, and what can be done; with --json for programs. "
               "Status 1 if there is something to say",
    "hidden-commands": "list commands for scripts, the driver and experts",
    "new-resource": "make a resource known to the driver", "sh-nop": "check the configuration",
    "sh-resources": "names of the resources of this host", "sh-resource": "name of the resource",
    "sh-mod-parms": "parameters for the module", "sh-dev": "devices", "sh-minor": "minor numbers",
    "sh-udev": "properties for udev", "sh-ll-dev": "backing disks", "sh-md-dev": "metadata disks",
    "sh-md-idx": "metadata index", "sh-ip": "own addresses", "sh-lr-of": "lower resource",
    "sh-list-config-file": "where resources are defined",
    "sh-list-adjustable": "resources that adjust would change",
    "proxy-up": "set up connections of a drbd-proxy", "proxy-down": "remove them",
    "suspend-io": "suspend I/O", "resume-io": "resume I/O", "set-gi": "write generation identifiers",
    "new-current-uuid": "start a new data generation",
    "check-resize": "note a changed size in the metadata", "new-minor": "create a volume's device",
    "del-minor": "remove a volume's device",
}

GENERAL = {
    "stacked": "work on stacked resources",
    "dry-run": "print the helper commands instead of running them",
    "verbose": "print the helper commands before running them; repeat for more",
    "config-file": "configuration file; - is standard input",
    "config-to-test": "read this file, too, and check it together with the configuration",
    "config-to-exclude": "pass over includes of this file",
    "drbdsetup": "use this drbdsetup", "drbdmeta": "use this drbdmeta",
    "drbd-proxy-ctl": "use this drbd-proxy-ctl",
    "sh-varname": "with -d or -v: print NAME=resource before each command",
    "version": "print versions", "setup-option": "hand this word on to the helper",
    "help": "show usage",
}


def roff(text):
    return text.replace("\\", "\\e").replace("-", "\\-") if text else text


def heading(name, section, title):
    return [f'.\\" SPDX-License-Identifier: GPL-2.0-only',
            '.\\" Generated by utils/drbdadm/doc/generate.py; do not edit.',
            f'.TH {name.upper()} {section} "{DATE}" "drbd-utils" "{title}"']


def option_lines(option):
    """A .TP paragraph for an option of the configuration."""
    kind = option["kind"]
    if kind == "boolean":
        value, text = "yes | no", ""
    elif kind == "word":
        value, text = " | ".join(option["words"]), ""
    elif kind in ("number", "word-or-number"):
        value = "number"
        if option["words"]:
            value = " | ".join(option["words"]) + " | number"
        unit = {"k": "KiB", "s": "sectors of 512 bytes"}.get(option["scale"], option["unit"])
        text = f"{max(option['min'], 0)} to {option['max']}" if option["max"] < 2 ** 63 else ""
        if unit:
            text += (", " if text else "") + f"in {unit}"
            if option["scale"] != "1":
                text += " unless a unit (k, M, G, s) is given"
    else:
        value = "text" if kind == "string" else "description of a key"
        text = f"at most {option['max']} characters" if option["max"] < 2 ** 63 else ""
    default = option["default"]
    lines = [".TP", f".B {roff(option['name'])} \\fI{roff(value)}\\fR"]
    parts = [part for part in (text, f"default {default}" if default not in ("", "0") or
                               kind in ("boolean", "number") else "") if part]
    body = "; ".join(parts)
    lines.append(roff(body[0].upper() + body[1:] + ".") if body else "No limit, no default.")
    return lines


def drbdadm_8(tables):
    out = heading("drbdadm", 8, "System Administration")
    out += [".SH NAME", "drbdadm \\- administration of replicated block devices", ".SH SYNOPSIS",
            ".B drbdadm", "[\\fIoption\\fR...] \\fIcommand\\fR [\\fIoption\\fR...]",
            "{\\fBall\\fR | \\fIobject\\fR...}", ".SH DESCRIPTION",
            "Reads the configuration, see", ".BR drbd.conf (5),",
            "and runs the commands of", ".BR drbdsetup (8)", "and", ".BR drbdmeta (8)",
            "that carry out what was asked for.", ".PP", "An object is a", ".IR resource ,",
            "one of its volumes (\\fIresource\\fB/\\fInumber\\fR or \\fBminor\\-\\fInumber\\fR),",
            "a connection (\\fIresource\\fB:\\fIpeer\\fR), or a volume towards a peer",
            "(\\fIresource\\fB:\\fIpeer\\fB/\\fInumber\\fR).", ".SH OPTIONS"]
    for o in tables["general"]:
        value = " \\fIvalue\\fR" if o["value"] else ""
        out += [".TP", f"\\fB\\-{o['letter']}\\fR{value}, \\fB\\-\\-{roff(o['name'])}\\fR{value}",
                roff(GENERAL[o["name"]]).capitalize() + "."]
    titles = {1: "COMMANDS", 2: "COMMANDS FOR SCRIPTS", 3: "COMMANDS OF THE DRIVER",
              4: "COMMANDS FOR EXPERTS"}
    for level, title in titles.items():
        out.append(f".SH {title}")
        if level == 3:
            out += ["Each runs the handler of that name in the configuration, if there is one:"]
            names = sorted(c["name"] for c in tables["commands"] if c["level"] == 3)
            out += [f".BR {roff(n)} {',' if n != names[-1] else '.'}" for n in names]
            continue
        for c in sorted(tables["commands"], key=lambda c: c["name"]):
            if c["level"] != level:
                continue
            out += [".TP", f".B {roff(c['name'])}",
                    roff(WHAT[c["name"]][0].upper() + WHAT[c["name"]][1:]) + "."]
            if c["options"]:
                out.append("Options:")
                last = c["options"][-1]["name"]
                for o in c["options"]:
                    out.append(f".BR \\-\\-{roff(o['name'])} {'.' if o['name'] == last else ','}")
    out += [".SH EXIT STATUS", ".TP", ".B 0", "Success.", ".TP", ".B 1",
            "Usage, an unknown object, or a failed stage of up or adjust.", ".TP", ".B 10",
            "The configuration is not valid, or a disk is needed and not configured.", ".TP",
            ".B 20", "A file cannot be opened or a program cannot be run or does not end.", ".PP",
            "Other values are those of the helper.", ".SH SEE ALSO", ".BR drbd.conf (5),",
            ".BR drbdsetup (8),", ".BR drbdmeta (8)"]
    return "\n".join(out) + "\n"


def drbd_conf_5(tables):
    out = heading("drbd.conf", 5, "Configuration Files")
    out += [".SH NAME", "drbd.conf \\- configuration of replicated block devices",
            ".SH DESCRIPTION", "The configuration, usually",
            ".I /etc/drbd.conf", "and the files it includes, is read by",
            ".BR drbdadm (8).", "It consists of sections", ".B name { ... }",
            "and statements that end with a semicolon; # begins a comment.",
            "It should be the same file on all nodes.", ".SH EXAMPLE", ".nf",
            "resource r0 {", "    net { protocol C; }",
            "    on alpha { device /dev/drbd0; disk /dev/vdb; meta\\-disk internal;",
            "               address 10.0.0.1:7788; }",
            "    on beta  { device /dev/drbd0; disk /dev/vdb; meta\\-disk internal;",
            "               address 10.0.0.2:7788; }", "}", ".fi",
            ".SH SECTIONS AND STATEMENTS"]
    statements = [
        ("include \\fIpattern\\fR;", "Read these files, relative to the including one; each is "
                                     "read once."),
        ("global { ... }", "Settings of drbdadm itself: usage\\-count, disable\\-ip\\-verification, "
                           "udev\\-always\\-use\\-vnr, minor\\-count, dialog\\-refresh, "
                           "cmd\\-timeout\\-short, cmd\\-timeout\\-medium, cmd\\-timeout\\-long."),
        ("common { ... }", "Option sections that all resources inherit."),
        ("resource \\fIname\\fR { ... }", "A resource: its hosts, volumes, connections and "
                                          "options."),
        ("on \\fIhost\\fR... { ... }", "What a host has: address, node\\-id, volumes."),
        ("floating \\fIaddress\\fR { ... }", "A host that is known by its address."),
        ("stacked\\-on\\-top\\-of \\fIresource\\fR { ... }", "A host that uses the devices of "
                                                          "another resource as disks."),
        ("volume \\fInumber\\fR { ... }", "Device, disk and meta\\-disk of a volume; without "
                                          "sections there is one volume, number 0."),
        ("device \\fIname\\fR minor \\fInumber\\fR;", "The block device."),
        ("disk \\fIpath\\fR;", "The backing disk; none: this host has no copy of the data."),
        ("meta\\-disk internal | \\fIpath\\fR | \\fIpath\\fR[\\fIindex\\fR];",
         "Where the metadata is."),
        ("address \\fIfamily address\\fR:\\fIport\\fR;", "Where the host is reached; the family "
                                                         "is ipv4 unless given."),
        ("node\\-id \\fInumber\\fR;", "0 to 31, different for all hosts of the resource, never to "
                                      "be changed. Two hosts without ids get theirs from their "
                                      "addresses."),
        ("connection { ... }", "A connection between two hosts, each named by a host statement, "
                               "directly or in path sections; net and disk options."),
        ("connection\\-mesh { hosts \\fIname\\fR...; }", "Connections between each two of the "
                                                         "hosts."),
        ("template\\-file \\fIfile\\fR;", "Inherit from the common section in that file instead."),
        ("skip ...", "Ignore what follows up to the end of the next block."),
        ("require\\-drbd\\-module\\-version\\-{eq,ne,gt,ge,lt,le} \\fIversion\\fR;",
         "Refuse this file with other drivers."),
    ]
    for what, text in statements:
        out += [".TP", f"\\fB{what}\\fR", text]
    for key, (title, text) in SECTIONS.items():
        out += [f".SH OPTIONS: {title.upper()}", text]
        for option in tables["sections"].get(key, []):
            if key == "handlers":
                out += [".TP", f".B {roff(option['name'])} \\fIcommand\\fR",
                        "Run by /bin/sh \\-c."]
            else:
                out += option_lines(option)
    out += [".SH SEE ALSO", ".BR drbdadm (8),", ".BR drbdsetup (8)"]
    return "\n".join(out) + "\n"


def bash_completion(tables):
    commands = [c for c in tables["commands"] if c["level"] in (1, 2, 4)]
    names = " ".join(sorted(c["name"] for c in commands))
    general = " ".join(f"--{o['name']}" for o in tables["general"])
    cases = "\n".join(
        f"\t\t{c['name']}) options+=\" " +
        " ".join("--" + o["name"] + ("" if o["optional"] else "=") for o in c["options"]) + '" ;;'
        for c in commands if c["options"])
    alone = "|".join(c["name"] for c in commands if not c["objects"])
    return f'''# SPDX-License-Identifier: GPL-2.0-only
# Generated by utils/drbdadm/doc/generate.py; do not edit.
# bash completion for drbdadm

_drbdadm()
{{
	local current=${{COMP_WORDS[COMP_CWORD]}} command= word
	local commands="{names}"
	local options="{general}"

	for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
		case " $commands " in *" $word "*) command=$word; break ;; esac
	done
	case $command in
{cases}
	esac
	COMPREPLY=()
	case $current in
	-*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
	*)
		case $command in
		'') COMPREPLY=($(compgen -W "$commands help" -- "$current")) ;;
		{alone}) ;;
		*) COMPREPLY=($(compgen -W "all $(drbdadm sh-resources 2>/dev/null)" -- "$current")) ;;
		esac ;;
	esac
	[[ ${{COMPREPLY[0]-}} == *= ]] && compopt -o nospace
	return 0
}}
complete -F _drbdadm drbdadm
'''


def zsh_completion(tables):
    commands = [c for c in tables["commands"] if c["level"] in (1, 2, 4)]

    def quoted(text):
        return text.replace("'", "'\\''").replace(":", "\\:")
    listing = "\n".join(f"\t\t'{c['name']}:{quoted(WHAT.get(c['name'], ''))}'" for c in commands)
    general = "\n".join(
        f"\t\t'--{o['name']}{'=' if o['value'] else ''}[{quoted(GENERAL[o['name']])}]"
        f"{':value:_files' if o['value'] else ''}' \\" for o in tables["general"])
    cases = "\n".join(
        f"\t{c['name']}) options=(" +
        " ".join(f"--{o['name']}" + ("" if o["optional"] else "=") for o in c["options"]) + ") ;;"
        for c in commands if c["options"])
    return f'''#compdef drbdadm
# SPDX-License-Identifier: GPL-2.0-only
# Generated by utils/drbdadm/doc/generate.py; do not edit.

_drbdadm() {{
	local state line
	local -a commands options resources
	commands=(
{listing}
	)
	_arguments -C \\
{general}
		'1:command:->command' '*::object:->object'
	case $state in
	command) _describe command commands ;;
	object)
		case $line[1] in
{cases}
		esac
		resources=(all ${{(f)"$(drbdadm sh-resources 2>/dev/null)"}})
		compadd -- $options
		compadd -- $resources ;;
	esac
}}
_drbdadm "$@"
'''


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    result = subprocess.run([sys.argv[1], "tables-json"], capture_output=True, text=True,
                            check=True)
    tables = json.loads(result.stdout)
    out = pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    (out / "drbdadm.8").write_text(drbdadm_8(tables))
    (out / "drbd.conf.5").write_text(drbd_conf_5(tables))
    (out / "drbdadm.bash").write_text(bash_completion(tables))
    (out / "_drbdadm").write_text(zsh_completion(tables))


if __name__ == "__main__":
    main()
