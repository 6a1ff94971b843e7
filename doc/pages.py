# SPDX-License-Identifier: GPL-2.0-only
"""The manual pages."""

import re

import options as texts
from commands import GENERAL, META, META_OPTIONS, MORE, WHAT
from roff import Page, literal
import tables

# Of the last change to the texts.
DATE = "2026-11-21"

SECTIONS = {
    "options": ("options: the resource", texts.RESOURCE,
                "In the `options` section of a resource or of `common`; they hold for the resource "
                "as a whole."),
    "net": ("net: a connection", texts.NET,
            "In the `net` section of a resource, `connection`, `connection-mesh` or `common`."),
    "disk": ("disk: the backing disk", texts.DISK,
             "In the `disk` section of a resource, `volume` or `common`."),
    "peer-device": ("disk: a volume towards a peer", texts.PEER_DEVICE,
                    "In any `disk` section; the `disk` section of a `connection`, or of a `volume` of "
                    "a connection, takes only these."),
    "device": ("disk: the block device", texts.DEVICE,
               "In the `disk` section of a resource, `volume` or `common`; used when the device is "
               "created."),
    "startup": ("startup: waiting for peers", texts.STARTUP, "In the `startup` section."),
    "handlers": ("handlers: programs to call", texts.HANDLERS,
                 "In the `handlers` section. When something happens the driver runs `drbdadm` with "
                 "the name of the handler and of the resource, and that runs the command with "
                 "`/bin/sh -c`. Its environment tells what it is about: `DRBD_RESOURCE`, "
                 "`DRBD_MINOR`, `DRBD_VOLUME`, `DRBD_LL_DISK` (lists if there are several volumes), "
                 "`DRBD_PEER_NODE_ID`, `DRBD_MY_NODE_ID`, `DRBD_NODE_ID_`<n> with the host name of "
                 "node <n>, `DRBD_CSTATE`, `DRBD_MY_ADDRESS`, `DRBD_PEER_ADDRESS`, `DRBD_MY_AF`, "
                 "`DRBD_PEER_AF`, `DRBD_BACKING_DEV`, `UP_TO_DATE_NODES` (a mask of node ids, for "
                 "fencing), and `DRBD_CONF`."),
    "proxy": ("proxy: buffering between sites", texts.PROXY,
              "In the `proxy` section, for a separate `drbd-proxy`."),
}


def value_of(option):
    """What is written after the name, e.g. `yes | no`."""
    kind = option["kind"]
    if kind == "boolean":
        return "yes | no"
    if kind == "word":
        return " | ".join(option["words"])
    if kind == "word-or-number":
        return " | ".join(option["words"]) + " | <number>"
    if kind == "number":
        return "<number>"
    return "<text>" if kind == "string" else "<description>"


def limits_of(option):
    """Range, unit and default as a sentence."""
    kind, parts = option["kind"], []
    if kind in ("number", "word-or-number"):
        if option["max"] < 2 ** 63:
            parts.append(f"values {option['min']} to {option['max']}")
        unit = {"k": "KiB", "s": "sectors of 512 bytes"}.get(option["scale"], option["unit"])
        if option["scale"] == "k" and option["unit"].endswith("/second"):
            unit = "KiB/second"
        if unit:
            parts.append(f"in {unit}" + ("" if option["scale"] == "1" else
                                         " unless `k`, `M`, `G` or `s` follows"))
    elif kind == "string" and option["max"] < 2 ** 63:
        parts.append(f"at most {option['max']} characters")
    if option["default"] != "":
        parts.append(f"default `{option['default']}`")
    text = ", ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""


def option_item(page, option, text):
    page.item(f"\\fB{literal(option['name'])}\\fR {value_roff(option)}",
              " ".join(part for part in (text, limits_of(option)) if part), already_roff=True)


def value_roff(option):
    parts = []
    for word in value_of(option).split(" "):
        if word.startswith("<"):
            parts.append(f"\\fI{literal(word.strip('<>'))}\\fR")
        else:
            parts.append(word if word == "|" else f"\\fB{literal(word)}\\fR")
    return " ".join(parts)


# ------------------------------------------------------------------ drbd.conf(5)

STATEMENTS = [
    ("`include` <pattern>`;`", "Read these files; the pattern is relative to the file that has it. A "
                               "file is read only once."),
    ("`global {` ... `}`", "Settings of the tools; see below."),
    ("`common {` ... `}`", "Sections with options that all resources inherit."),
    ("`resource` <name> `{` ... `}`", "A resource: hosts, volumes, connections, options."),
    ("`on` <host>... `{` ... `}`", "What a host has: `address`, `node-id`, volumes. <host> is what "
                                   "`uname -n` prints there."),
    ("`floating` <address> `{` ... `}`", "A host that is known by its address instead. `;` in place "
                                         "of the braces does if there is nothing to say in them."),
    ("`stacked-on-top-of` <resource> `{` ... `}`", "The host is whichever is Primary for that "
                                                   "resource; its devices are the disks."),
    ("`volume` <number> `{` ... `}`", "`device`, `disk` and `meta-disk` of a volume. Written without "
                                      "`volume` they mean the only volume, number 0."),
    ("`device` <name> `minor` <number>`;`", "The block device. `device minor` <number> and `device "
                                            "/dev/drbd`<number> say the same."),
    ("`disk` <path>`;`", "The backing disk. `none`, or neither `disk` nor `meta-disk`, means that "
                         "this host has no copy of the data."),
    ("`meta-disk internal;`", "The metadata is at the end of the backing disk."),
    ("`meta-disk` <path> [`[`<index>`]`]`;`", "It is on a device of its own; with an index, in one of "
                                              "its slots of 128 MiB."),
    ("`tiebreaker` {`yes` | `no`}`;`", "In a volume: `no` means that this host, having no disk, does not "
                                       "count when quorum hangs in the balance; default `yes`."),
    ("`address` [<family>] <address>`:`<port>`;`", "Where the host is reached. The family is `ipv4` "
                                                   "if not given; `ipv6` is written `ipv6 "
                                                   "[`<address>`]:`<port>. `ssocks` and `sdp` are "
                                                   "sockets of other networks, with an IPv4 address; "
                                                   "the driver's transport has to know them."),
    ("`node-id` <number>`;`", "0 to 31, different for each host of the resource, and never to be "
                              "changed: the metadata knows peers by it. Exactly two hosts may do "
                              "without; their addresses then decide who is 0 and who is 1."),
    ("`connection {` ... `}`", "Connects two hosts, each named by a `host` statement, directly or, for "
                               "several paths, inside of `path` sections; `net` and `disk` "
                               "sections."),
    ("`connection-mesh { hosts` <name>...`; }`", "Connects each two of these hosts."),
    ("`path {` ... `}`", "In a `connection`: one of several ways between its two hosts."),
    ("`host` <name> [`address` <address> | `port` <port>]`;`", "One end of a connection or path."),
    ("`proxy on` <host>... `{ inside` <address>`; outside` <address>`; }`",
     "In a host section: `drbd-proxy` on these hosts stands between DRBD and the peers. DRBD of this "
     "host connects to the `inside` address; the proxies reach each other at their `outside` addresses. "
     "`options` in it are those of the `proxy` section. If one host has a proxy, all must."),
    ("`via proxy on` ...", "The same for a single path: it follows the `host` or its address, instead of "
                           "the `;`."),
    ("`via outside-address` <address>`;`", "Likewise, for a host behind a router: its peer connects to "
                                           "this address."),
    ("`plugin {` <word>...`;` ... `}`", "In the options of a proxy: each line is handed to `drbd-proxy` "
                                        "as it is."),
    ("`template-file` <file>`;`", "Inherit from the `common` section in that file instead."),
    ("`skip` ...", "Whatever follows is ignored, up to the end of the next block."),
    ("`require-drbd-module-version-`{`eq`,`ne`,`gt`,`ge`,`lt`,`le`} <version>`;`",
     "Refuse this configuration if the driver is not of such a version."),
    ("Legacy spellings", "`flexible-meta-disk` <path> is `meta-disk` <path> without an index. `syncer {` "
                         "... `}` takes options of `net`, `disk` and `options`, with `rate` for "
                         "`resync-rate` and `after` for `resync-after`. `protocol` <word> outside of "
                         "`net` is the option of `net`. The address family `sci` is `ssocks`. "
                         "`ignore-on` is no longer accepted."),
    ("Words of `drbdsetup show`", "`_this_host`, `_remote_host`, `_peer_node_id`, `_cstate`, "
                                  "`_is_standalone` and `_unknown` stand in its output, and are not "
                                  "meant for configuration files."),
]

EXAMPLE = """
include "drbd.d/global_common.conf";

resource r0 {
    net { protocol C; }
    options { quorum majority; on-no-quorum io-error; }
    on alpha {
        node-id 0;
        address 10.0.0.1:7788;
        volume 0 { device minor 0; disk /dev/vg/r0; meta-disk internal; }
    }
    on beta {
        node-id 1;
        address 10.0.0.2:7788;
        volume 0 { device minor 0; disk /dev/vg/r0; meta-disk internal; }
    }
    on gamma {
        node-id 2;
        address 10.0.0.3:7788;
        volume 0 { device minor 0; disk none; }
    }
    connection-mesh { hosts alpha beta gamma; }
}
"""


def drbd_conf(adm):
    page = Page("drbd.conf", 5, DATE, "Configuration Files",
                "configuration of replicated block devices")
    page.heading("SYNOPSIS")
    page.text("`/etc/drbd.conf`, `/etc/drbd.d/global_common.conf`, `/etc/drbd.d/*.res`")
    page.heading("DESCRIPTION")
    page.paragraph("The configuration is read by `drbdadm`. It should be the same on all nodes; each "
                   "finds its part by its host name. It consists of sections, a name and braces, and "
                   "of statements that end in a semicolon. A # begins a comment. Words may be put "
                   "into double quotes, and must be if they contain blanks or begin with something "
                   "unusual.")
    page.paragraph("Numbers may be followed by `k`, `M` or `G` (powers of 1024), or by `s` for sectors "
                   "of 512 bytes; without, the unit is that given with the option. An option that "
                   "is switched on or off takes `yes` or `no`; its name alone means yes.")
    page.heading("EXAMPLE")
    page.paragraph("Three nodes; the third has no disk, and is there for the quorum:")
    page.example(EXAMPLE)
    page.heading("SECTIONS AND STATEMENTS")
    for tag, text in STATEMENTS:
        page.item(tag, text)
    page.heading("INHERITANCE")
    page.paragraph("Options are inherited from `common` (or the template) to the resource, from there to "
                   "volumes and connections, and on to volumes towards peers. What is nearer wins.")
    page.heading("OPTIONS IN GLOBAL: THE TOOLS")
    for name, (value, text) in texts.GLOBAL.items():
        page.item(f"`{name}`" + (f" {value}" if value else ""), text)
    for key, (title, sentences, introduction) in SECTIONS.items():
        page.heading(f"OPTIONS IN {title}")
        page.paragraph(introduction)
        known = {option["name"] for option in adm["sections"].get(key, [])}
        for option in adm["sections"].get(key, []):
            if key == "handlers":
                page.item(f"`{option['name']}` <command>", sentences[option["name"]])
            else:
                option_item(page, option, sentences[option["name"]])
        if key == "startup":
            for name in ("stacked-timeouts", "become-primary-on"):
                if name not in known:
                    page.item(f"`{name}`" + (" <host>..." if name.startswith("be") else ""),
                              sentences[name])
    page.heading("FILES")
    page.item("`/etc/drbd.conf`", "The file that is read unless another is named. If there is a "
                                  "`/etc/drbd-90.conf` it is taken instead.")
    page.see_also("drbdadm(8)", "drbdsetup(8)", "drbdmeta(8)", "drbd(7)")
    return page


# ------------------------------------------------------------------ drbdadm(8)

def drbdadm(adm):
    page = Page("drbdadm", 8, DATE, "System Administration",
                "administration of replicated block devices")
    page.heading("SYNOPSIS")
    page.lines += ["\\fBdrbdadm\\fR [\\fIoption\\fR...] \\fIcommand\\fR [\\fIoption\\fR...]",
                   "{\\fBall\\fR | \\fIobject\\fR...}"]
    page.heading("DESCRIPTION")
    page.paragraph("`drbdadm` reads the configuration and runs the commands of `drbdsetup` and "
                   "`drbdmeta` that carry out what was asked for.")
    page.paragraph("An object is one of:")
    for tag, text in [
            ("<resource>", "A resource, with all that belongs to it."),
            ("<resource>`/`<volume>, `minor-`<number>", "A volume."),
            ("<resource>`:`<peer>", "The connection to that host."),
            ("<resource>`:`<peer>`/`<volume>", "A volume towards that host."),
            ("`all`", "All resources of this host.")]:
        page.item(tag, text)
    page.heading("OPTIONS")
    for option in adm["general"]:
        value = " \\fIvalue\\fR" if option["value"] else ""
        text = GENERAL[option["name"]]
        page.item(f"\\fB\\-{option['letter']}\\fR{value}, \\fB\\-\\-{literal(option['name'])}\\fR"
                  f"{value}", text[:1].upper() + text[1:] + ".", already_roff=True)
    titles = {1: "COMMANDS", 2: "COMMANDS FOR SCRIPTS", 3: "COMMANDS OF THE DRIVER",
              4: "COMMANDS FOR EXPERTS"}
    for level, title in titles.items():
        page.heading(title)
        commands = sorted((c for c in adm["commands"] if c["level"] == level),
                          key=lambda c: c["name"])
        if level == 3:
            page.paragraph("Each runs the handler of that name, if one is configured, with the "
                           "environment described in drbd.conf(5): " +
                           ", ".join(f"`{c['name']}`" for c in commands) + ".")
            continue
        for command in commands:
            name = command["name"]
            what = WHAT[name][:1].upper() + WHAT[name][1:] + "."
            page.item(f"`{name}`", " ".join(part for part in (what, MORE.get(name, "")) if part))
            if command["options"]:
                page.text("Options: " + ", ".join(f"`--{o['name']}`" for o in command["options"]) + ".")
    page.heading("EXIT STATUS")
    for status, text in [
            ("0", "Success."),
            ("1", "Wrong usage, an object that does not exist, or a part of `up` or `adjust` that "
                  "failed."),
            ("10", "The configuration is not valid, or a disk is needed and none is configured."),
            ("20", "A file could not be opened, or a helper could not be run or did not end."),
            ("other", "That of the helper.")]:
        page.item(f"`{status}`", text)
    page.heading("ENVIRONMENT")
    page.item("`__DRBD_NODE__`", "Host name to go by, instead of the real one.")
    page.item("`DRBD_DRIVER_VERSION_OVERRIDE`", "Version of the driver to assume, as in 9.2.0.")
    page.heading("FILES")
    page.item("`/etc/drbd.conf`", "The configuration.")
    page.item("`/run/drbd/drbd-resource-`<name>`.conf`, `/run/drbd/drbd-minor-`<number>`.conf`",
              "Links to the file with which a resource or device was set up.")
    page.see_also("drbd.conf(5)", "drbd(7)", "drbdsetup(8)", "drbdmeta(8)", "drbdmon(8)")
    return page


# ------------------------------------------------------------------ drbdsetup(8)

# The section of drbd.conf(5) with the options of a command.
SECTION_OF = {
    "attach": "disk", "disk-options": "disk", "new-peer": "net", "net-options": "net",
    "new-resource": "options", "resource-options": "options",
    "peer-device-options": "peer-device", "new-minor": "device",
}


def setup_value(option):
    kind, scale = option["kind"], option.get("unit_prefix", "1")
    if kind == "boolean":
        return "yes | no", f"Default `{option['default']}`."
    if kind == "handler":
        return " | ".join(option["words"]), ""
    if kind in ("numeric", "numeric-or-symbol"):
        unit = {"k": "KiB", "s": "sectors of 512 bytes"}.get(scale, option.get("unit", ""))
        text = f"Values {option['min']} to {option['max']}"
        if unit:
            text += f", in {unit}"
        words = " | ".join(option["words"] + ["<number>"])
        return words, f"{text}, default `{option['default']}`."
    if kind == "string":
        return "<text>", ""
    return "", ""


def drbdsetup(commands, adm):
    page = Page("drbdsetup", 8, DATE, "System Administration",
                "low-level configuration and status of the DRBD driver")
    page.heading("SYNOPSIS")
    page.text("`drbdsetup` <command> [<argument>...] [<option>...]")
    page.heading("DESCRIPTION")
    page.paragraph("`drbdsetup` hands one command to the driver, or shows what the driver tells. It knows "
                   "nothing of the configuration files; use `drbdadm` unless you need what only this "
                   "tool has. The module is loaded when needed.")
    page.paragraph("Objects are named by <resource>, <peer node id>, <minor> (a number or a device) and "
                   "<volume> number. Options may be abbreviated as long as they stay unique. Numbers may "
                   "be followed by `k`, `m`, `g` (powers of 1024) or `s` (sectors).")
    page.heading("COMMANDS")
    for command in commands:
        words = []
        for argument in command["arguments"]:
            for word in argument.split(" "):
                if word.startswith("{"):
                    words.append(f"\\fI{literal(word.strip('{}'))}\\fR")
                else:
                    words.append(word if word == "|" else f"\\fB{literal(word)}\\fR")
            if "|" in argument:
                words[-3] = "[" + words[-3]
                words[-1] += "]"
        page.item(" ".join([f"\\fB{literal(command['name'])}\\fR"] + words), command["summary"],
                  already_roff=True)
        section = SECTION_OF.get(command["name"])
        names = {o["name"] for o in adm["sections"][section]} if section else set()
        listed = {o["name"] for o in command["options"]}
        if command["name"] in ("disk-options", "net-options"):
            # What cannot be changed later is not listed by the tool.
            names &= listed | {o["name"] for o in adm["sections"][section] if o["new"]}
            names -= {"load-balance-paths"}
        elif section:
            names |= listed & set(SECTIONS[section][1])
        own = [o for o in command["options"] if o["name"] not in names]
        if own:
            page.lines.append(".RS")
            for option in own:
                value, limits = setup_value(option)
                tag = f"\\fB\\-\\-{literal(option['name'])}\\fR"
                if value:
                    tag += "=" + value_roff_text(value)
                page.item(tag, " ".join(part for part in (texts.COMMAND[option["name"]], limits)
                                        if part), already_roff=True)
            page.lines.append(".RE")
        if names:
            title = SECTIONS[section][0]
            if own:
                page.lines.append(".IP")
            page.text(f"{'Also the' if own else 'The'} options under <{title}> in drbd.conf(5): " +
                      ", ".join(f"`--{name}`" for name in sorted(names)) + ".")
    page.heading("OUTPUT")
    page.paragraph("`status` and `events2` write <name>`:`<value> pairs that are separated by blanks; "
                   "programs should split at blanks only, or ask for JSON. `events2` first tells what "
                   "exists, ends that with `exists -`, and then tells each change as it happens with "
                   "one of `create`, `change`, `destroy`, `rename`, `call` and `response` (of a "
                   "handler).")
    page.heading("EXIT STATUS")
    for status, text in [
            ("0", "Success."), ("5", "A wait command ran out of time; `outdate`: the disk is "
                                     "inconsistent."),
            ("10", "The driver refused the command, or there is no such object."),
            ("11", "The driver refused the change of state."),
            ("16", "A resynchronisation needs a local disk."),
            ("17", "That is not possible in the present role: the device is in use, or a last good "
                   "copy would be lost."),
            ("20", "Wrong usage, no driver, or an error of the system."),
            ("121", "The module was unloaded meanwhile.")]:
        page.item(f"`{status}`", text)
    page.paragraph("Without the driver, `down`, `secondary`, `disconnect` and `detach` succeed: there is "
                   "nothing to be done.")
    page.see_also("drbdadm(8)", "drbd.conf(5)", "drbdmeta(8)", "drbdmon(8)")
    return page


def value_roff_text(text):
    return " | ".join(f"\\fI{literal(w.strip('<>'))}\\fR" if w.startswith("<")
                      else f"\\fB{literal(w)}\\fR" for w in text.split(" | "))


# ------------------------------------------------------------------ drbdmeta(8)

def drbdmeta(meta):
    page = Page("drbdmeta", 8, DATE, "System Administration", "metadata of an unattached DRBD disk")
    page.heading("SYNOPSIS")
    page.text("`drbdmeta` [<option>...] <device> {`v08` | `v09`} <meta device> <index> <command> "
              "[<argument>...]")
    page.heading("DESCRIPTION")
    page.paragraph("`drbdmeta` creates, shows and changes the metadata that DRBD keeps on a disk, while "
                   "that disk is not attached. Normally `drbdadm` runs it with the right arguments.")
    page.paragraph("<device> is a minor number or a `/dev/drbd`<number>, which is locked against other "
                   "tools meanwhile, or `-` for none. <index> is `internal` (at the end of <meta "
                   "device>), `flex-external` (<meta device> is used for nothing else), or the number of "
                   "a slot of 128 MiB.")
    page.heading("COMMANDS")
    for name, arguments in meta["commands"]:
        tag = f"\\fB{literal(name)}\\fR"
        # The options are explained below.
        words = [w.strip("{}") for w in arguments.split()
                 if w in ("file", "{max_peers}")]
        tag += "".join(f" \\fI{literal(w.replace('_', ' '))}\\fR" for w in words)
        page.item(tag, META[name], already_roff=True)
    page.heading("OPTIONS")
    for option in meta["options"]:
        value = " \\fIvalue\\fR" if option["value"] else ""
        tag = f"\\fB\\-\\-{literal(option['name'])}\\fR{value}"
        if option["letter"]:
            tag = f"\\fB\\-{option['letter']}\\fR{value}, " + tag
        page.item(tag, META_OPTIONS[option["name"]], already_roff=True)
    page.heading("EXIT STATUS")
    for status, text in [
            ("0", "Success."), ("1", "The command failed, or a question was answered with no."),
            ("5", "`outdate`: the data is inconsistent."),
            ("10", "A limit, an error of the disk, or a mistake in a dump."),
            ("20", "Wrong usage, or the device is in use."),
            ("40", "Other data was found, and was not to be overwritten.")]:
        page.item(f"`{status}`", text)
    page.see_also("drbdadm(8)", "drbd.conf(5)", "drbdsetup(8)")
    return page


# ------------------------------------------------------------------ drbdmon(8)

CONFIRMATION = {"nothing": "Does not ask.", "yes_or_no": "Asks first.",
                "the_word_yes": "Asks for the word yes."}


def sentence(text):
    text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else text + "."


def drbdmon(mon):
    page = Page("drbdmon", 8, DATE, "System Administration", "live view of DRBD resources")
    page.heading("SYNOPSIS")
    page.text("`drbdmon` [<option>...] [<resource>]")
    page.heading("DESCRIPTION")
    for paragraph in mon["paragraphs"]:
        page.paragraph(paragraph)
    page.heading("OPTIONS")
    for tag, text in mon["options"]:
        words = [f"\\fI{literal(w.lower())}\\fR" if w.isalpha() and w.isupper() else
                 f"\\fB{literal(w.rstrip(','))}\\fR" + ("," if w.endswith(",") else "")
                 for w in tag.split()]
        page.item(" ".join(words), sentence(text or {
            "--help": "Show usage.", "--version": "Show the version."}[tag.split()[-1]]),
            already_roff=True)
    page.heading("KEYS")
    for key, text in mon["keys"]:
        page.item(f"`{key}`", sentence(text))
    page.heading("ACTIONS")
    page.paragraph("On what is selected, or all of that kind in what is selected:")
    for key, command, effect, ask in mon["actions"]:
        page.item(f"`{key}`", f"{sentence(effect)} {CONFIRMATION[ask]}")
        page.text("Runs `" + re.sub(r"\{(\w+)\}", lambda m: "`<" + NAMES[m[1]] + ">`", command)
                  + "`.")
    page.see_also("drbdadm(8)", "drbdsetup(8)", "drbd(7)")
    return page


NAMES = {"res": "resource", "peer": "peer node id", "vol": "volume", "minor": "minor"}


# ------------------------------------------------------------------ drbd(7)

UNITS = [
    ("drbd.service", "All resources: starting it runs `drbdadm adjust` on all, and waits for peers as "
                     "long as the `startup` section says. For hosts without a cluster manager."),
    ("drbd@<resource>.service", "One resource; reloading runs `adjust`, stopping `down`."),
    ("drbd@<resource>.target", "What mounts and services should depend on: the resource is configured, "
                               "and, with drbd-wait-promotable@ enabled, usable."),
    ("drbd-wait-promotable@<resource>.service", "Waits until the resource could be promoted; part of "
                                                "the target when it is enabled."),
    ("drbd-promote@<resource>.service", "Promotes the resource when started, demotes it when stopped."),
    ("drbd-demote-or-escalate@<resource>.service", "For services that must be gone before another node "
                                                   "takes over: demotes the resource when stopped, "
                                                   "by force if I/O is suspended, and if that "
                                                   "fails, restarts the host."),
    ("drbd-reconfigure-suspend-or-error@<resource>.service",
     "While it is started, requests without quorum are held; after it is stopped, they fail, so that "
     "a host that was taken over from can be cleaned up."),
    ("drbd-lvchange@<resource>.service", "Activates logical volumes that are backing disks, and "
                                         "deactivates them when stopped."),
    ("ocf.ra@<name>.service", "Any OCF resource agent as a service; drop-ins set `AGENT` and its parameters "
                              "in the environment."),
    ("drbd-services@<resource>.target", "Groups what depends on the resource; for a promoter to start "
                                        "and stop as one."),
]


def units():
    page = Page("drbd", 7, DATE, "Overview", "DRBD on a host: units, links, agents and handlers")
    page.heading("DESCRIPTION")
    page.paragraph("DRBD replicates block devices between hosts. The configuration is described in "
                   "drbd.conf(5), the tools in drbdadm(8), drbdsetup(8) and drbdmeta(8). This page names "
                   "the pieces that connect it to the rest of the system.")
    page.heading("UNITS")
    for name, text in UNITS:
        page.item("`" + name.replace("<", "`<").replace(">", ">`") + "`", text)
    page.paragraph("To mount a file system at boot, on a host that is always to be the Primary:")
    page.example("systemctl enable drbd-wait-promotable@r0.service\n"
                 'echo "/dev/drbd0 /srv ext4 nofail,x-systemd.requires=drbd@r0.target 0 0" >> /etc/fstab')
    page.heading("DEVICE LINKS")
    page.item("`/dev/drbd/by-res/`<resource>`/`<volume>", "The device of a volume.")
    page.item("`/dev/drbd/by-disk/`<path>", "The device whose backing disk is `/dev/`<path>.")
    page.heading("CLUSTER MANAGER")
    page.paragraph("The agent `ocf:linbit:drbd` lets Pacemaker start, promote and move resources; "
                   "`ocf:linbit:drbd-attr` only tells it, by node attributes, where a promotion would be "
                   "possible. Both describe their parameters with `meta-data`.")
    page.heading("HANDLERS")
    page.paragraph("In `/usr/lib/drbd`, for the `handlers` section:")
    for tag, text in HANDLER_SCRIPTS:
        page.item(tag, text)
    page.see_also("drbd.conf(5)", "drbdadm(8)", "drbdsetup(8)", "drbdmeta(8)")
    return page


def agent(name):
    """Page of a resource agent, from the description that it gives of itself."""
    root = tables.agent(name)
    page = Page(f"ocf_linbit_{name}", 7, DATE, "Resource Agents", root.findtext("shortdesc"))
    page.heading("SYNOPSIS")
    actions = []
    for action in root.iter("action"):
        if action.get("name") not in actions:
            actions.append(action.get("name"))
    page.text(f"`{name}` {{" + " | ".join(f"`{a}`" for a in actions) + "}")
    page.heading("DESCRIPTION")
    page.paragraph(" ".join(root.findtext("longdesc").split()))
    page.heading("PARAMETERS")
    for parameter in root.iter("parameter"):
        content = parameter.find("content")
        kind = "required" if parameter.get("required") == "1" else "optional"
        default = content.get("default")
        page.item(f"`{parameter.get('name')}`", " ".join(parameter.findtext("longdesc").split()))
        page.text(f"({content.get('type').capitalize()}, {kind}" +
                  (f", default `{default}`" if default else "") + ".)")
    page.heading("ACTIONS")
    for action in root.iter("action"):
        times = f"Timeout of {action.get('timeout')} s or more"
        if action.get("interval"):
            times += f", interval of {action.get('interval')} s"
        page.item(f"`{action.get('name')}`" +
                  (f" ({action.get('role')})" if action.get("role") else ""), times + ".")
    page.see_also("drbd(7)", "drbdadm(8)", "crm(8)", "pcs(8)")
    return page


def aliases():
    """Other names of drbd(7)."""
    return [name.replace("<resource>", "").replace("<name>", "") + ".7" for name, _ in UNITS]


HANDLER_SCRIPTS = [
    ("`crm-fence-peer.9.sh`, `crm-unfence-peer.9.sh`",
     "Set, and remove, a constraint that keeps Pacemaker from promoting the resource anywhere but on "
     "nodes with the present data. For `fence-peer` and `unfence-peer` (or `after-resync-target`)."),
    ("`stonith_admin-fence-peer.sh`", "Asks Pacemaker to switch the peer off. For `fence-peer`."),
    ("`notify-`<event>`.sh` [<recipient>]",
     "Send a mail and write to the log. For the handler of the event's name."),
    ("`notify-emergency-reboot.sh`, `notify-emergency-shutdown.sh`",
     "The same, and then restart or power off the host at once."),
    ("`snapshot-resync-target-lvm.sh`, `unsnapshot-resync-target-lvm.sh`",
     "Keep a snapshot of the data while it is overwritten by a resynchronisation. For "
     "`before-resync-target` and `after-resync-target`."),
]
