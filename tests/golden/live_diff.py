#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Compare our drbdadm with Debian's drbd-utils 9.22 on generated configurations.

A seeded generator writes configurations, sound and broken; both programs run the same commands
on them (all with -d, dump or sh-*: nothing is changed), and standard output and exit status have
to be equal.  Debian's program is taken from an extracted package; --debian names it, otherwise
the package is downloaded with apt-get.

    live_diff.py [--count 250] [--seed 1] [--keep DIR] [--debian PATH] [--drbdadm PATH]
    live_diff.py --only 17 --seed 1      one configuration again, with a diff
"""

import argparse
import difflib
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SCHEMA = ROOT / "include/linux/drbd_genl.h"


# ------------------------------------------------------------------ options

class Option:
    def __init__(self, name, kind, low, high, words):
        self.name, self.kind, self.low, self.high, self.words = name, kind, low, high, words


def read_schema():
    """{nest: [Option]} of what 9.22 knows, from the one description of all options."""
    text = re.sub(r"\\\n\s*", " ", SCHEMA.read_text())
    words = {name: re.findall(r'W\([-0-9]+, "([^"]*)"\)', body)
             for name, body in re.findall(r"#define DRBD_WORDS_(\w+)\(W\) (.*)", text)}
    nests = {}
    for nest, body in re.findall(r"#define DRBD_NEST_(\w+)\(F\) (.*)", text):
        options = []
        for field in re.findall(r"F\(([^()]*(?:\([^()]*\))?[^()]*)\)", body):
            part = [p.strip() for p in field.split(",")]
            if len(part) != 14 or part[10] == '""' or "DRBD__N" in part[4]:
                continue
            number = [int(re.sub(r"[UL]+$", "", p), 0) for p in (part[6], part[7], part[11])]
            options.append(Option(part[10].strip('"'), part[8], number[0],
                                  number[2] or number[1], words.get(part[9], [])))
        if options:
            nests[nest] = options
    return nests


class Generator:
    def __init__(self, rng, nests):
        self.rng, self.nests = rng, nests
        self.minor = 0
        self.port = 7000
        self.files = {}

    # -- pieces

    def chance(self, probability):
        return self.rng.random() < probability

    def value(self, option):
        rng = self.rng
        if option.kind in ("boolean", "flag"):
            return rng.choice(["yes", "no"])
        if option.kind in ("enum", "enumi"):
            return rng.choice(option.words)
        if option.kind == "symnum" and self.chance(0.5):
            return rng.choice(option.words)
        if option.kind in ("num", "symnum"):
            low, high = max(option.low, 0), option.high
            number = rng.choice([low, high, rng.randint(low, high), rng.randint(low, min(high, low + 50))])
            if self.chance(0.008):
                return str(rng.choice([high + 1, 10 ** 19 + 7, "9T", "x"]))
            if number % 1024 == 0 and self.chance(0.3):
                return f"{number // 1024}{rng.choice('kK')}"
            return str(number)
        return rng.choice(["sha1", "md5", "crc32c", "x", '"a b"', '"q\\"u"'])

    def options(self, nest, most=4, leave_out=()):
        pool = [o for o in self.nests[nest] if o.name not in leave_out]
        picked = self.rng.sample(pool, min(len(pool), self.rng.randint(0, most)))
        lines = []
        for option in picked:
            name, value = option.name, self.value(option)
            if option.kind == "boolean" and self.chance(0.2):
                lines.append(f"{name};" if self.chance(0.5) else f"no-{name};")
            else:
                lines.append(f"{name} {value};")
        return " ".join(lines)

    def net(self):
        return f"net {{ {self.options('net_conf', 4, ('_name',))} }}"

    def disk(self, own=True):
        # An empty section in a connection's volume makes 9.22 forget "bitmap no" towards diskless
        # peers; not a behaviour to compare with.
        text = self.options("peer_device_conf", 2) or "c-max-rate 1M;"
        if own:
            text += " " + self.options("disk_conf", 3, ("resync-after",))
        return f"disk {{ {text} }}"

    def sections(self, indent="\t", common=False):
        rng = self.rng
        out = []
        if self.chance(0.5):
            out.append(self.net())
        if self.chance(0.4):
            out.append(self.disk())
        if self.chance(0.3):
            out.append(f"options {{ {self.options('res_opts', 3)} }}")
        if self.chance(0.3):
            # (9.22 forgets to dump stacked-timeouts when nothing else is there.)
            parts = ["wfc-timeout 6;"] if self.chance(0.7) else []
            if parts:
                more = ["degr-wfc-timeout 8;", "outdated-wfc-timeout 9;", "wait-after-sb;",
                        "stacked-timeouts;", "become-primary-on both;"]
                parts += rng.sample(more, rng.randint(0, 3))
            out.append(f"startup {{ {' '.join(parts)} }}")
        if self.chance(0.3):
            parts = rng.sample(['split-brain "/x/sb root";', "fence-peer /x/fence;",
                                'pri-lost "echo $A; b";', "outdate-peer /x/o;"],
                               rng.randint(0, 3))
            out.append(f"handlers {{ {' '.join(parts)} }}")
        if self.chance(0.1):
            out.append(f"protocol {rng.choice('ABCabc')};")
        rng.shuffle(out)
        return [indent + line for line in out]

    def address(self, host, port):
        number = {"alpha": 1, "beta": 2, "gamma": 3, "delta": 4}.get(host.strip('"'), 9)
        if self.v6:
            return f"ipv6 [fd00::{number}]:{port}"
        return self.rng.choice(["", "ipv4 "]) + f"10.0.0.{number}:{port}"

    def device(self):
        self.minor += self.rng.randint(1, 3)
        return self.rng.choice([f"device minor {self.minor};", f"device /dev/drbd{self.minor};",
                                f"device drbd{self.minor};",
                                f"device /dev/drbd{self.minor} minor {self.minor};",
                                f"device /dev/drbd_n{self.minor} minor {self.minor};"])

    def meta_disk(self):
        rng = self.rng
        return rng.choice(["meta-disk internal;", "", "flexible-meta-disk internal;",
                           f"meta-disk /dev/m{self.minor};", f"flexible-meta-disk /dev/f{self.minor};",
                           f"meta-disk /dev/i[{self.minor}];", f'meta-disk "/dev/m {self.minor}";'])

    def volume_body(self):
        text = f"{self.device()} disk /dev/vg/d{self.minor}; {self.meta_disk()}"
        return text + (" " + self.disk() if self.chance(0.25) else "")

    # -- resources

    def hosts(self, number):
        names = ["alpha", "beta", "gamma", "delta"][:number]
        if self.chance(0.2):
            self.rng.shuffle(names)
        return names

    def resource(self, index):
        rng = self.rng
        name = rng.choice([f"r{index}", f"res-{index}", f'"with space {index}"', f"r{index}._x"])
        self.port += 10
        port = self.port
        self.v6 = self.chance(0.15)
        number = rng.choice([1, 2, 2, 2, 2, 3, 3, 4])
        hosts = self.hosts(number)
        explicit = self.chance(0.5)
        count = rng.randint(1, 3) if explicit else 1
        lines = [f"resource {name} {{"]
        lines += self.sections()
        volumes = []
        at_resource = self.chance(0.7)
        if explicit:
            numbers = rng.sample(range(6), count)
            volumes = [(n, self.volume_body()) for n in numbers]
            if at_resource:
                lines += [f"\tvolume {n} {{ {body} }}" for n, body in volumes]
        elif at_resource:
            lines.append(f"\t{self.device()} disk /dev/vg/d{self.minor}; {self.meta_disk()}")
        else:
            volumes = [(None, f"{self.device()} disk /dev/vg/d{self.minor}; {self.meta_disk()}")]
        no_ids = number == 2 and self.chance(0.3)
        no_address = self.chance(0.06)
        ids = rng.sample(range(8), number)
        floating = self.chance(0.08)
        for position, host in enumerate(hosts):
            body = []
            if not no_ids:
                body.append(f"node-id {ids[position]};")
            if not (no_address and position == 0) and not floating:
                body.append(f"address {self.address(host, port)};")
            if not at_resource:
                body += [f"volume {n} {{ {text} }}" if n is not None else text
                         for n, text in volumes]
            elif position and self.chance(0.25):
                text = rng.choice(["disk none;", f"disk /dev/other{self.minor}{position};"])
                body.append(f"volume {rng.choice(volumes)[0]} {{ {text} }}" if explicit else text)
            elif explicit and self.chance(0.15):
                body.append(f"volume {rng.choice(volumes)[0]} {{ {self.disk()} }}")
            if self.chance(0.1):
                body.append(f"options {{ {self.options('res_opts', 2)} }}")
            rng.shuffle(body)
            names = host + (f" {host}-spare" if self.chance(0.05) else "")
            if self.chance(0.008):
                names = f"{host}.example.com"
            heading = f"floating {self.address(host, port)}" if floating else f"on {names}"
            lines.append(f"\t{heading} {{ {' '.join(body)} }}")
        lines += self.connections(hosts, port, number, [n for n, _ in volumes] if explicit else [0])
        if self.chance(0.08):
            lines.append("\tskip net { whatever { is } in; here }")
        if self.chance(0.08):
            self.files[f"t{index}.tpl"] = "common {\n" + "\n".join(self.sections()) + "\n}\n"
            lines.insert(1, f'\ttemplate-file "t{index}.tpl";')
        lines.append("}")
        return "\n".join(lines)

    def connections(self, hosts, port, number, volumes):
        rng = self.rng
        if number < 2 or (number == 2 and self.chance(0.6)):
            return []
        if self.chance(0.5):
            mesh = f"\tconnection-mesh {{ hosts {' '.join(hosts)};"
            return [mesh + (f" {self.net()}" if self.chance(0.4) else "") + " }"]
        out = []
        for i in range(number):
            for j in range(i + 1, number):
                if self.chance(0.1):
                    continue
                out.append(f"\t{self.connection(hosts[i], hosts[j], port + 1 + i, volumes)}")
        return out

    def ref(self, host, port):
        return self.rng.choice([f"host {host};", f"host {host} port {port};",
                                f"host {host} address {self.address(host, port)};"])

    def connection(self, first, second, port, volumes):
        rng = self.rng
        body = []
        if self.chance(0.35):
            for n in range(rng.randint(1, 3)):
                v6, self.v6 = self.v6, self.chance(0.3)
                ends = [f"host {first} address {self.address(first, port + 100 * n)};",
                        f"host {second} address {self.address(second, port + 100 * n)};"]
                self.v6 = v6
                if self.chance(0.2):
                    ends.reverse()
                body.append(f"path {{ {' '.join(ends)} }}")
        else:
            body += [self.ref(first, port), self.ref(second, port)]
        if self.chance(0.3):
            body.append(self.net())
        if self.chance(0.25):
            body.append(self.disk(own=False))
        if self.chance(0.25):
            body.append(f"volume {rng.choice(volumes)} {{ {self.disk(own=False)} }}")
        return f"connection {{ {' '.join(body)} }}"

    def stacked(self, index):
        self.v6 = False
        self.port += 10
        low, up = f"low{index}", f"up{index}"
        explicit = self.chance(0.5)

        def volume(text):
            return f"volume 0 {{ {text} }}" if explicit else text
        lower = "\n".join([
            f"resource {low} {{", *self.sections(),
            "\t" + volume(f"{self.device()} disk /dev/vg/l{index};"),
            f"\ton alpha {{ node-id 0; address 10.0.0.1:{self.port}; }}",
            f"\ton beta {{ node-id 1; address 10.0.0.2:{self.port}; }}", "}"])
        self.minor += 1
        upper = "\n".join([
            f"resource {up} {{", *self.sections(),
            "\t" + volume(f"device minor {self.minor};"),
            f"\tstacked-on-top-of {low} {{ node-id 0; address 10.0.9.1:{self.port + 1}; }}",
            f"\ton gamma {{ node-id 1; {volume(f'disk /dev/u{index};')} "
            f"address 10.0.0.3:{self.port + 1}; }}", "}"])
        return lower + "\n" + upper

    def proxied(self, index):
        self.port += 10
        p = self.port
        options = self.rng.choice(["", "options { memlimit 50M; plugin { zlib level 9; } }"])
        return "\n".join([
            f"resource px{index} {{", *self.sections(),
            self.rng.choice(["", "\tproxy { memlimit 100M; compression 2; }"]),
            f"\t{self.device()} disk /dev/p{index}; meta-disk internal;",
            f"\ton alpha {{ node-id 0; address 127.0.0.1:{p}; proxy on alpha {{ "
            f"inside 127.0.0.2:{p}; outside 10.0.0.1:{p}; {options} }} }}",
            f"\ton beta {{ node-id 1; address 127.0.0.1:{p}; proxy on beta {{ "
            f"inside 127.0.0.2:{p}; outside 10.0.0.2:{p}; }} }}", "}"])

    def generate(self):
        rng = self.rng
        self.v6 = False
        parts = []
        settings = ["usage-count no;"]
        if self.chance(0.9):
            settings.append("disable-ip-verification;")
        settings += rng.sample(["minor-count 64;", "dialog-refresh 5;", "cmd-timeout-short 9;",
                                "udev-always-use-vnr;", "cmd-timeout-medium 30;"], rng.randint(0, 2))
        parts.append(f"global {{ {' '.join(settings)} }}")
        if self.chance(0.5):
            parts.append("common {\n" + "\n".join(self.sections()) + "\n}")
        for index in range(rng.randint(1, 4)):
            what = rng.random()
            text = (self.stacked(index) if what < 0.08 else
                    self.proxied(index) if what < 0.13 else self.resource(index))
            if self.chance(0.1):
                self.files[f"inc{index}.res"] = text + "\n"
                text = f'include "inc{index}.res";'
            parts.append(text)
        return "\n".join(parts) + "\n"


def damage(rng, text):
    """Break a configuration somewhere."""
    tokens = list(re.finditer(r'"(?:[^"\\\n]|\\.)*"|[a-zA-Z0-9/._-]+|[{};\[\]:]', text))
    token = rng.choice(tokens[10:]) if len(tokens) > 10 else tokens[0]
    before, it, after = text[:token.start()], token.group(), text[token.end():]
    what = rng.randrange(8)
    if what == 0:
        return before + after
    if what == 1:
        return before + it + " " + it + after
    if what == 2:
        return before + rng.choice(["bogus", "17", "yes", "{", "}", ";", "1.2.3", "net", '"x"']) + after
    if what == 3:
        return text[:rng.randrange(len(text))]
    if what == 4:
        position = rng.randrange(len(text))
        return text[:position] + rng.choice(",=+(*&\"\\\t{};:") + text[position:]
    if what == 5:
        other = rng.choice(tokens[10:]) if len(tokens) > 10 else token
        return before + other.group() + after
    if what == 6:
        return before + it.upper() + after
    lines = text.splitlines(keepends=True)
    line = rng.randrange(len(lines))
    return "".join(lines[:line] + [lines[line]] + lines[line:])


# ------------------------------------------------------------------ running

PLAIN = ["dump", "-d dump", "-v -d dump", "dump-xml", "-d dump-xml", "sh-resources",
         "-S sh-resources", "sh-nop", "sh-mod-parms"]
PER_OBJECT = ["-d up", "-d down", "-d adjust", "-d primary", "-d secondary", "-d connect",
              "-d create-md", "-d resize", "-d attach", "-d detach", "-d disconnect",
              "-d net-options", "-d peer-device-options", "-d new-path", "-d new-resource",
              "-d new-minor", "-d invalidate", "-d invalidate-remote", "-d verify", "-d role",
              "-d cstate", "-d dstate", "-d show-gi", "-d wait-connect", "-d split-brain",
              "-d dump-md", "-d forget-peer", "-d status", "-d pause-sync", "-d proxy-up",
              "-d set-gi", "-d check-resize", "-d wait-sync", "-d del-path", "-d proxy-down",
              "sh-dev", "sh-minor", "sh-ll-dev", "sh-md-dev", "sh-md-idx", "sh-ip", "sh-udev",
              "sh-resource", "sh-lr-of", "dump", "-d dump", "dump-xml"]


def commands(rng, text, generator_files):
    names = re.findall(r'(?m)^resource ("[^"]*"|\S+)', text) or ["r0"]
    names = [n.strip('"') for n in names]
    picked = [c.split() for c in PLAIN]
    for command in rng.sample(PER_OBJECT, 16):
        name = rng.choice(names)
        if command == "-d adjust":
            # 9.22 also sets up devices of peers that were not asked for (DIFFERENCES.md).
            if "proxy" not in text + "".join(generator_files):
                picked.append([*command.split(), rng.choice(["all", name])])
            continue
        target = rng.choice(["all", name, name, name, f"{name}/{rng.randrange(3)}",
                             f"{name}:beta", f"{name}:gamma", f"{name}:beta/0",
                             f"minor-{rng.randrange(1, 6)}"])
        picked.append([*command.split(), target])
    return picked


def known_difference(command, theirs):
    """Deliberate differences, see DIFFERENCES.md: their output, as it would be without."""
    theirs = theirs.replace(b'            <address family="(null)" port="(null)">(null)</address>\n', b"")
    theirs = re.sub(rb'(?m)^( *<template file=".*")>$', rb"\1/>", theirs)
    return theirs


def run(directory, environment, command):
    return subprocess.run(["drbdadm", "-c", "c.conf", *command], cwd=directory, env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)


def fetch_debian(directory):
    subprocess.run(["apt-get", "download", "drbd-utils"], cwd=directory, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    package = next(pathlib.Path(directory).glob("drbd-utils_*.deb"))
    subprocess.run(["dpkg", "-x", package, directory], check=True)
    return pathlib.Path(directory, "sbin/drbdadm")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="one configuration, with differences in full")
    parser.add_argument("--keep", help="directory for configurations that differ")
    parser.add_argument("--debian", help="Debian's drbdadm")
    parser.add_argument("--drbdadm", default=str(
        pathlib.Path(os.environ.get("BUILD", ROOT / "build"), "bin/drbdadm")))
    args = parser.parse_args()
    nests = read_schema()
    passed = failed = 0
    statuses = {}

    with tempfile.TemporaryDirectory() as scratch:
        debian = pathlib.Path(args.debian) if args.debian else fetch_debian(scratch)
        environments = []
        for label, program in (("theirs", debian), ("ours", pathlib.Path(args.drbdadm))):
            bindir = pathlib.Path(scratch, "bin-" + label)
            bindir.mkdir()
            (bindir / "drbdadm").symlink_to(program.resolve())
            # Helpers are never run with -d; adjust asks for the running state, which is empty.
            environments.append(dict(os.environ, LC_ALL="C", __DRBD_NODE__="alpha",
                                     DRBD_DRIVER_VERSION_OVERRIDE="9.2.0",
                                     FAKE_DRBDSETUP_SHOW="/dev/null",
                                     PATH=f"{bindir}:{os.environ['PATH']}"))
        numbers = [args.only] if args.only is not None else range(args.count)
        for number in numbers:
            rng = random.Random(f"{args.seed}/{number}")
            generator = Generator(rng, nests)
            text = generator.generate()
            if rng.random() < 0.25:
                text = damage(rng, text)
            directory = pathlib.Path(scratch, f"c{number}")
            directory.mkdir()
            (directory / "c.conf").write_text(text)
            for name, content in generator.files.items():
                (directory / name).write_text(content)
            node = rng.choice(["alpha", "alpha", "alpha", "beta", "gamma", "10.0.0.1", "nobody"])
            for environment in environments:
                environment["__DRBD_NODE__"] = node
            bad = False
            for command in commands(rng, text, generator.files.values()):
                theirs = run(directory, environments[0], command)
                ours = run(directory, environments[1], command)
                want = known_difference(command, theirs.stdout)
                statuses[theirs.returncode] = statuses.get(theirs.returncode, 0) + 1
                if theirs.returncode < 0 <= ours.returncode:
                    # Theirs crashed; ours said what is wrong.
                    passed += 1
                    continue
                if ours.stdout == want and ours.returncode == theirs.returncode:
                    passed += 1
                    continue
                failed += 1
                bad = True
                print(f"FAIL configuration {number} (node {node}): {' '.join(command)}: "
                      f"status {ours.returncode}, Debian's {theirs.returncode}")
                if args.only is not None:
                    sys.stdout.writelines(difflib.unified_diff(
                        want.decode(errors="replace").splitlines(keepends=True),
                        ours.stdout.decode(errors="replace").splitlines(keepends=True),
                        "theirs", "ours", n=1))
                    print("-- theirs:", theirs.stderr.decode(errors="replace"))
                    print("-- ours:", ours.stderr.decode(errors="replace"))
            if args.only is not None:
                print(text)
            if bad and args.keep:
                subprocess.run(["cp", "-r", directory, args.keep], check=True)
    print("exit statuses of Debian's:", " ".join(f"{k}:{v}" for k, v in sorted(statuses.items())))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
