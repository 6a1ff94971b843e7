#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Our drbdsetup against what Debian's 9.22 was recorded to do.

    run_drbdsetup.py [--drbdsetup PATH] [-v] [FILTER...]

The tool talks to a simulated kernel (drbdsetup/fakekernel); no module and no
privileges beyond those for lock files are needed.  Every recorded help text,
output, exit code and request must be the same; known and wanted differences
are in DIFFERENT below, each with its reason.  Last line: N passed, N failed.
"""
import argparse
import itertools
import json
import lzma
import os
import re
import shlex
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent / 'drbdsetup'
OBSERVED = HERE / 'observed-9.22'
FAKE = HERE / 'fakekernel'
DEFAULT_VERSION = 'version: 9.2.13 (api:2/proto:86-122)'

# case -> why ours differs on purpose (the case then has its own expectation)
DIFFERENT = {
    'net-options r0 1 --timeout=99999999999999999999':
        'a number that does not fit into 64 bits is refused, not saturated and then cut to 32 bits',
    'show/mixed.json': 'strings are escaped', 'show/mixed-defaults.json': 'strings are escaped',
    'show/options.json': 'strings are escaped',
    '8.4': 'we have no tools for 8.4 to hand over to and say so',
}


# Here we print all info texts of a reply, 9.22 only the last: story -> command lines.
ALL_INFO_TEXTS = {'life': ['down r0']}


class Kernel:
    """The simulated kernel of one scenario, and a directory for its files."""

    def __init__(self, tmp, scenario, version=DEFAULT_VERSION):
        self.dir = Path(tempfile.mkdtemp(dir=tmp))
        self.log = self.dir / 'log'
        self.log.touch()
        (self.dir / 'proc').write_text(f'{version}\nTransports (api:21): tcp (9.2.13)\n')
        self.server = subprocess.Popen(
            [sys.executable, FAKE / 'fakekernel.py', self.dir / 'sock', scenario, self.log],
            stdout=subprocess.PIPE)
        if self.server.stdout.readline() != b'ready\n':
            raise RuntimeError(f'the simulated kernel of {scenario} did not start')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()

    def run(self, argv, timeout=30, stdin=subprocess.DEVNULL):
        """(exit code, stdout, stderr, [request lines]) of one drbdsetup; 124 if it had to be killed."""
        before = self.log.stat().st_size
        env = dict(os.environ, LD_PRELOAD=str(SHIM), FAKE_DRBD_SOCK=str(self.dir / 'sock'),
                   FAKE_PROC_DRBD=str(self.dir / 'proc'), FAKE_BLOCK_DEVICE=block_device())
        env.pop('DRBD_DRIVER_VERSION_OVERRIDE', None)
        # Sanitizers insist on coming first; the preloaded library is harmless.
        env['ASAN_OPTIONS'] = 'verify_asan_link_order=0:detect_leaks=1'
        try:
            p = subprocess.run(['drbdsetup', *argv], executable=TOOL, env=env, stdin=stdin,
                               capture_output=True, timeout=timeout, check=False)
            rc, out, err = p.returncode, p.stdout, p.stderr
        except subprocess.TimeoutExpired as e:
            rc, out, err = 124, e.stdout or b'', e.stderr or b''
        with open(self.log, encoding='ascii') as f:
            f.seek(before)
            return rc, out.decode(), err.decode(), f.read().splitlines()


def block_device():
    for name in sorted(os.listdir('/sys/class/block')):
        if os.path.exists('/dev/' + name):
            return '/dev/' + name
    return ''


def build_shim(tmp):
    shim = Path(tmp) / 'shim.so'
    subprocess.run(['gcc', '-O1', '-shared', '-fPIC', '-o', shim, FAKE / 'shim.c', '-ldl'], check=True)
    return shim


class Report:
    def __init__(self, verbose, filters):
        self.passed = self.failed = 0
        self.verbose, self.filters = verbose, filters

    def wanted(self, name):
        return not self.filters or any(f in name for f in self.filters)

    def check(self, name, *pairs):
        """pairs: (what, got, expected)."""
        bad = [(what, got, want) for what, got, want in pairs if got != want]
        if bad:
            self.failed += 1
            print(f'FAIL {name}')
            for what, got, want in bad:
                print(f'  {what}:\n    got      {got!r}\n    expected {want!r}')
                if isinstance(got, str) and '\n' in got:
                    diff(got, want)
        else:
            self.passed += 1
            if self.verbose:
                print(f'ok   {name}')


def diff(got, want):
    import difflib
    for line in list(difflib.unified_diff(want.splitlines(), got.splitlines(), 'expected', 'got', lineterm='', n=0))[:12]:
        print('      ' + line)


# ---------------------------------------------------------------- cases

def run_plain(argv):
    """A call that needs no kernel."""
    p = subprocess.run(['drbdsetup', *argv], executable=TOOL, capture_output=True, timeout=30, check=False)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def help_cases(report):
    everything = (HERE / 'help/_all.txt').read_text()
    for argv in (['help'], ['--help'], ['-h'], ['xml-help'], []):
        name = 'drbdsetup ' + ' '.join(argv)
        if report.wanted(name):
            rc, out, _ = run_plain(argv)
            report.check(name, ('exit', rc, 20), ('stdout', out, everything))
    for kind, suffix in (('help', 'txt'), ('xml-help', 'xml')):
        for path in sorted((HERE / kind).glob('*.' + suffix)):
            if path.stem == '_all':
                continue
            name = f'{kind} {path.stem}'
            if not report.wanted(name):
                continue
            rc, out, _ = run_plain([kind, path.stem])
            report.check(name, ('exit', rc, 0), ('stdout', out, path.read_text()))
            if kind == 'help':
                rc, out, _ = run_plain([path.stem, '--help'])
                report.check(f'{path.stem} --help', ('exit', rc, 0), ('stdout', out, path.read_text()))


def comparable(path, text):
    """Timestamps differ from run to run."""
    if 'timestamps' in path:
        text = re.sub(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d', 'TIME', text, flags=re.M)
    return text


def unescaped(text):
    """What existing tools print where we escape: the value of every string token as it is."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda m: '"' + json.loads(m[0]) + '"', text)


def output_cases(report, tmp):
    for line in (OBSERVED / 'INDEX').read_text().splitlines():
        m = re.match(r'(\d+)\s+(\S+)\s+scenario=(\S+)\s+drbdsetup (.*)', line)
        rc_want, path, scenario, args = int(m[1]), m[2], m[3], m[4]
        if not report.wanted(path):
            continue
        want = (OBSERVED / path).read_text()
        err_file = OBSERVED / (path + '.err')
        with Kernel(tmp, FAKE / 'scenarios' / (scenario + '.py')) as kernel:
            rc, out, err, _ = kernel.run(shlex.split(args))
        if path in DIFFERENT:
            if path.endswith('options.json') or 'defaults' not in path:
                json.loads(out)
            out = unescaped(out)
        pairs = [('stdout', comparable(path, out), comparable(path, want))]
        # The end of a script of events is an artefact of the simulation: there the socket just closes.
        if '--now' in args or not path.startswith('events2'):
            pairs.append(('exit', rc, rc_want))
            pairs.append(('stderr', err, err_file.read_text() if err_file.exists() else ''))
        report.check(path, *pairs)


def parse_blocks(path):
    """[(command line, exit code, stdout, stderr, [requests], scenario)] of a file of recorded calls."""
    everything = (HERE / 'help/_all.txt').read_text()
    blocks = []
    for line in path.read_text().splitlines():
        if m := re.match(r'# drbdsetup (.*?)(?:\s+\(scenario (\S+)\))?$', line):
            blocks.append({'args': m[1], 'scenario': m[2], 'exit': None, 'out': '', 'err': '', 'send': []})
        elif m := re.match(r'  exit (\d+)', line):
            blocks[-1]['exit'] = int(m[1])
            blocks[-1]['after'] = re.search(r'after about (\d+) s', line)
        elif m := re.match(r'  stdout\| ?(.*)', line):
            blocks[-1]['out'] += everything if m[1] == '<the text of help/_all.txt>' else m[1] + '\n'
        elif m := re.match(r'  stderr\| ?(.*)', line):
            blocks[-1]['err'] += m[1] + '\n'
        elif m := re.match(r'  send: (.*)', line):
            blocks[-1]['send'].append(m[1])
    return blocks


def request_cases(report, tmp):
    with Kernel(tmp, FAKE / 'scenarios' / 'mixed.py') as kernel:
        for file in ('requests.txt', 'argument-errors.txt'):
            for block in parse_blocks(OBSERVED / 'cmds' / file):
                args = block['args']
                if not report.wanted(args):
                    continue
                rc, out, err, sent = kernel.run(shlex.split(args))
                if args in DIFFERENT:
                    report.check(args, ('exit', rc, 20), ('requests', sent, []),
                                 ('stderr', err, '99999999999999999999: out of range\n'))
                    continue
                report.check(args, ('exit', rc, block['exit']), ('stdout', out, block['out']),
                             ('stderr', err, block['err']), ('requests', sent, block['send']))


def ret_code_cases(report, tmp):
    text = (OBSERVED / 'cmds/ret_codes.txt').read_text()
    for block in re.split(r'^--- ', text, flags=re.M)[1:]:
        m = re.match(r'ret_code (-?\d+) exit (\d+)\n', block)
        code, exit_want, want = int(m[1]), int(m[2]), block[m.end():]
        name = f'ret_code {code}'
        if not report.wanted(name):
            continue
        if code == 176:
            # Newer than 9.22, but our modules use it.
            exit_want = 10
            want = want.replace('r0: Error code 176 unknown.\nYou should update the drbd userland tools.\n',
                                'r0: Failure: (176) Path collides with existing path\n\n')
        scenario = Path(tmp) / 'ret.py'
        if code == -18:
            scenario.write_text("RETCODE={14: [(-18, []), (-18, []), (1, [])]}\n")
            with Kernel(tmp, scenario) as kernel:
                rc, out, err, sent = kernel.run(['primary', 'r0'])
            report.check(name + ' is retried', ('exit', rc, 0), ('requests', len(sent), 3), ('stderr', err, ''))
            continue
        scenario.write_text(f"RETCODE={{14: ({code}, ['first line', 'second line'])}}\n")
        with Kernel(tmp, scenario) as kernel:
            rc, out, err, _ = kernel.run(['primary', 'r0'])
        report.check(name, ('exit', rc, exit_want), ('stderr', err, want), ('stdout', out, ''))


def wait_cases(report, tmp):
    for block in parse_blocks(OBSERVED / 'cmds/wait.txt'):
        args, scenario = block['args'], block['scenario']
        name = f'{args} ({scenario})'
        if not report.wanted(name):
            continue
        with Kernel(tmp, FAKE / 'scenarios' / (scenario + '.py')) as kernel:
            start = time.monotonic()
            rc, out, err, _ = kernel.run(shlex.split(args), timeout=6)
            took = time.monotonic() - start
        about = int(block['after'][1])
        report.check(name, ('exit', rc, block['exit']), ('stdout', out, ''), ('stderr', err, block['err']),
                     ('takes about the recorded time', abs(took - about) < 1.5, True))


def start_cases(report, tmp):
    """cmds/module.txt: no module, no family, wrong family."""
    # A machine without the module, seen through a modprobe that fails.
    stub = Path(tmp) / 'no-module'
    stub.mkdir(exist_ok=True)
    if not os.path.exists('/proc/drbd') and report.wanted('module'):
        section = (OBSERVED / 'cmds/module.txt').read_text().split('\n\n')[0]
        for m in re.finditer(r'# drbdsetup (.*)\n  exit (\d+)\n', section):
            rc, out, err = run_plain(m[1].split())
            report.check(f'no module: {m[1]}', ('exit', rc, int(m[2])), ('stdout', out, ''),
                         ('stderr', err.splitlines()[-1], 'Failed to modprobe drbd (No such file or directory)'))
    cases = [
        ('VERSION=1', 'API mismatch!\n\tAPI version drbdsetup: 2 kernel: 1\n\theader size drbdsetup: 8 kernel: 8\n'),
        ('HDRSIZE=12', 'API mismatch!\n\tAPI version drbdsetup: 2 kernel: 2\n\theader size drbdsetup: 8 kernel: 12\n'),
        ('NOFAMILY=1', "Could not connect to 'drbd' generic netlink family\n"),
    ]
    for text, want in cases:
        if not report.wanted('family ' + text):
            continue
        scenario = Path(tmp) / 'family.py'
        scenario.write_text(text + '\n')
        with Kernel(tmp, scenario) as kernel:
            rc, out, err, _ = kernel.run(['status'])
        report.check('family ' + text, ('exit', rc, 20), ('stdout', out, ''), ('stderr', err, want))
    if report.wanted('8.4'):
        with Kernel(tmp, FAKE / 'scenarios/empty.py', 'version: 8.4.11 (api:1/proto:86-101)') as kernel:
            rc, out, err, sent = kernel.run(['status'])
        report.check('8.4 module', ('exit', rc, 20), ('stdout', out, ''), ('requests', sent, []),
                     ('names the version', '8.4.11' in err, True))


def kernel_error_cases(report, tmp):
    """NLMSG_ERROR, and the forms of info texts."""
    scenario = Path(tmp) / 'errno.py'
    scenario.write_text("RETCODE={14: ('errno', 1)}\n")
    if report.wanted('errno'):
        with Kernel(tmp, scenario) as kernel:
            rc, _, err, _ = kernel.run(['primary', 'r0'])
        report.check('errno', ('exit', rc, 20), ('stderr', err, 'r0: Operation not permitted\n'))
    # Seen with Debian's tool on real modules.
    if report.wanted('cstate of an unknown resource'):
        with Kernel(tmp, FAKE / 'scenarios/mixed.py') as kernel:
            rc, out, err, _ = kernel.run(['cstate', 'nosuch', '1'])
        report.check('cstate of an unknown resource', ('exit', rc, 10), ('stdout', out, ''),
                     ('stderr', err, 'nosuch: Failure: (158) Unknown resource\nnosuch: No such connection\n'))


def poll_cases(report, tmp):
    """events2 --now --poll: every "n" prints everything again, the end of input ends it."""
    if not report.wanted('poll'):
        return
    want = (OBSERVED / 'events2/simple-now.txt').read_text()
    reader, writer = os.pipe()
    os.write(writer, b'n\nn')
    os.close(writer)
    with Kernel(tmp, FAKE / 'scenarios/simple.py') as kernel:
        rc, out, err, _ = kernel.run(['events2', '--now', '--poll'], stdin=reader)
    os.close(reader)
    report.check('events2 --now --poll', ('exit', rc, 0), ('stdout', out, want * 3), ('stderr', err, ''))


def batch_cases(report, tmp):
    """--batch: the same answers as from one process per command, in one process."""
    if not report.wanted('batch'):
        return
    commands = [['role', 'web'], ['role', 'nosuch'], ['cstate', 'web', '1'], ['primary', 'r0', '--force'],
                ['nosuchcommand'], ['cstate', 'nosuch', '1'], ['dstate', '10'], ['net-options', 'r0', '1', '--timeout=5x'],
                ['status', '--json'], ['attach', '10'], ['role', 'web']]
    want, requests = '', []
    with Kernel(tmp, FAKE / 'scenarios/mixed.py') as kernel:
        for command in commands:
            rc, out, err, sent = kernel.run(command)
            want += json.dumps({'exit': rc, 'stderr': err, 'stdout': out}, separators=(',', ':')) + '\n'
            requests += sent
        batch = Path(tmp) / 'batch'
        batch.write_text(''.join(json.dumps(c) + '\n' for c in commands))
        with open(batch, encoding='utf-8') as f:
            rc, out, err, sent = kernel.run(['--batch'], stdin=f)
        report.check('batch', ('exit', rc, 0), ('stdout', out, want), ('stderr', err, ''), ('requests', sent, requests))
        for line in ('role web', '[]', '["role", 5]', '{"role": 1}'):
            batch.write_text('["role", "web"]\n' + line + '\n["role", "web"]\n')
            with open(batch, encoding='utf-8') as f:
                rc, out, err, sent = kernel.run(['--batch'], stdin=f)
            report.check('batch with ' + line, ('exit', rc, 20), ('answers', out.count('\n'), 1), ('requests', len(sent), 1),
                         ('stderr', err, f'drbdsetup: batch: not an array of strings: {line}\n'))


# ---------------------------------------------------------------- recorded conversations

NETLINK = HERE.parent / 'netlink'
FAMILY = 0x1c


def recorded_messages(story):
    """Every netlink message of a capture, in order."""
    with lzma.open(NETLINK / f'{story}.pcap.xz') as f:
        raw = f.read()
    at = 24
    while at < len(raw):
        length = struct.unpack_from('<I', raw, at + 8)[0]
        packet = raw[at + 32:at + 16 + length]
        at += 16 + length
        while packet:
            size = struct.unpack_from('=I', packet)[0]
            yield packet[:size]
            packet = packet[(size + 3) & ~3:]


class Process:
    """What one recorded drbdsetup asked, and what it was answered."""

    def __init__(self, port):
        self.port = port
        self.exchanges = []      # [request payload, [answers]]
        self.seqs = {}
        self.multicasts = []     # notifications until the next process started


def recorded_processes(story):
    """(processes in the order of their start, all notifications without repetitions)."""
    processes, by_port, notifications, seen = [], {}, [], set()
    for message in recorded_messages(story):
        _, kind, flags, seq, port = struct.unpack_from('=IHHII', message)
        if kind == 16:
            if flags & 1 and message[16] == 3:
                by_port[port] = Process(port)
                processes.append(by_port[port])
        elif flags & 1 and kind > 16:
            process = by_port[port]
            process.exchanges.append((message[16:], []))
            process.seqs[seq] = process.exchanges[-1]
        else:
            owner = by_port.get(port) if port else None
            if owner is None:
                # The answers to GET_INITIAL_STATE carry no port.
                owner = next((p for p in reversed(processes) if seq in p.seqs
                              and p.seqs[seq][0][0] == 38), None)
            if owner and seq in owner.seqs:
                owner.seqs[seq][1].append(message)
            elif (seq, message) not in seen:
                seen.add((seq, message))
                notifications.append(message)
                if processes:
                    processes[-1].multicasts.append(message)
    return processes, notifications


def readdress(message, seq=None):
    """The message for another family id, and as the answer to another sequence number."""
    length, kind, flags, old_seq, port = struct.unpack_from('=IHHII', message)
    head = struct.pack('=IHHII', length, FAMILY if kind > 16 else kind, flags, old_seq if seq is None else seq, port)
    return head + message[16:] + b'\0' * (-length % 4)


class Replay:
    """A simulated kernel that answers as recorded, to the processes in their order."""

    def __init__(self, tmp, processes):
        self.dir = Path(tempfile.mkdtemp(dir=tmp))
        (self.dir / 'proc').write_text('version: 9.3.3 (api:2/proto:118-124)\n')
        self.processes, self.next = processes, 0
        self.log = self.dir / 'log'
        self.log.touch()
        self.unexpected = []
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.server.bind(str(self.dir / 'sock'))
        self.server.listen(4)
        threading.Thread(target=self.accept, daemon=True).start()

    run = Kernel.run

    def accept(self):
        while True:
            try:
                conn, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def find(self, payload):
        """The next process that began with this request."""
        for i in range(self.next, len(self.processes)):
            if self.processes[i].exchanges and self.processes[i].exchanges[0][0] == payload:
                self.next = i + 1
                return self.processes[i]
        return None

    def serve(self, conn):
        process, position = None, 0
        with conn:
            while True:
                try:
                    request = conn.recv(65536)
                except OSError:
                    return
                if not request:
                    return
                if request[:4] == struct.pack('=I', 0xfeedface):
                    continue
                seq = struct.unpack_from('=I', request, 8)[0]
                try:
                    if request[4:6] == struct.pack('=H', 16):
                        conn.send(family_answer(seq))
                        continue
                    payload = request[16:struct.unpack_from('=I', request)[0]]
                    if process is None:
                        process = self.find(payload)
                    if process is None or position >= len(process.exchanges) \
                            or process.exchanges[position][0] != payload:
                        self.unexpected.append(payload.hex())
                        return
                    for answer in process.exchanges[position][1]:
                        conn.send(readdress(answer, seq))
                    position += 1
                    if position == len(process.exchanges) and payload[0] == 38:
                        for message in process.multicasts:
                            conn.send(readdress(message))
                except OSError as e:
                    self.unexpected.append(f'{e} in answer to {request.hex()}')
                    return

    def close(self):
        # Ends the thread that waits in accept(), before its descriptor's number is used again.
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


def family_answer(seq):
    def attr(kind, data):
        return struct.pack('=HH', 4 + len(data), kind) + data + b'\0' * (-len(data) % 4)
    body = struct.pack('=BBH', 1, 2, 0) + attr(2, b'drbd\0') + attr(1, struct.pack('=H', FAMILY)) \
        + attr(3, struct.pack('=I', 2)) + attr(4, struct.pack('=I', 8)) + attr(5, struct.pack('=I', 34)) \
        + attr(7, attr(1, attr(2, struct.pack('=I', 77)) + attr(1, b'events\0')))
    return struct.pack('=IHHII', 16 + len(body), 16, 0, seq, 4711) + body


def recorded_commands(story):
    """(command line, sorted lines, exit code, was drbdadm run before?) of the drbdsetup calls in a log."""
    command, output, after_drbdadm = None, [], False
    for line in (NETLINK / f'{story}.log').read_text().splitlines():
        if line.startswith('$ '):
            command, output = line[2:], []
        elif m := re.match(r'    rc=(\d+)$', line):
            if command and command.startswith('drbdsetup '):
                yield command[len('drbdsetup '):], sorted(output), int(m[1]), after_drbdadm
                after_drbdadm = False
            elif command and command.startswith('drbdadm'):
                after_drbdadm = True
            command = None
        elif line.startswith('    '):
            output.append(line[4:])


# These write or read files of the machine, or depend on the moment.
NOT_REPLAYED = re.compile(r'check-resize|--timestamps|new-minor r0 0 1$')


def conversation_cases(report, tmp):
    """Commands that were recorded with DRBD 9.3.3: the same requests, and the same output from the same answers."""
    for story in ('commands', 'life', 'life2'):
        processes, notifications = recorded_processes(story)
        replay = Replay(tmp, processes)
        for i, (args, want, rc_want, after_drbdadm) in enumerate(recorded_commands(story)):
            name = f'{story} {i}: {args}'
            if NOT_REPLAYED.search(args) or not report.wanted(name):
                continue
            # drbdadm runs processes that its output does not mention: they may begin like this one.
            for _ in range(5 if after_drbdadm else 1):
                replay.unexpected.clear()
                rc, out, err, _ = replay.run(shlex.split(args), timeout=10)
                # The log does not tell the two streams apart.
                lines = sorted((out + err).splitlines())
                if lines == want:
                    break
            if args in ALL_INFO_TEXTS.get(story, []):
                lines = [line for line in lines if line in want]
                lines = sorted(set(lines))
            report.check(name, ('exit', rc, rc_want), ('output', lines, want),
                         ('unexpected requests', list(replay.unexpected), []))
        replay.close()
        listener_cases(report, tmp, story, notifications)


def listener_cases(report, tmp, story, notifications):
    """The listener that ran all the time."""
    for suffix, options in (('events2', '--timestamps --statistics'), ('events2-full-diff', '--full --diff')):
        path = NETLINK / f'{story}.{suffix}'
        name = f'{story}.{suffix}'
        if not path.exists() or not report.wanted(name):
            continue
        scenario = Path(tmp) / 'listener.py'
        scenario.write_text('RES=[]\nEVENTS=[(0.1, [bytes.fromhex(x) for x in '
                            f'{[readdress(m).hex() for m in notifications]!r}])]\n')
        with Kernel(tmp, scenario) as kernel:
            _, out, _, _ = kernel.run(['events2', *options.split()])
        report.check(name, ('stdout', listener_text(out), listener_text(path.read_text())))


def listener_text(text):
    """Without timestamps, and without the order of lines about objects of one kind, which is not specified."""
    lines = re.sub(r'^\d{4}-\d\d-\d\dT\S+ ', '', text, flags=re.M).splitlines()
    groups = [sorted(group) for _, group in itertools.groupby(lines, key=lambda line: line.split()[:2])]
    return ''.join(line + '\n' for group in groups for line in group)


def default_tool():
    build = os.environ.get('BUILD') or HERE.parent.parent.parent / 'build'
    return str(Path(build) / 'bin/drbdsetup')


def main():
    global TOOL, SHIM
    parser = argparse.ArgumentParser()
    parser.add_argument('--drbdsetup', default=default_tool())
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('filters', nargs='*')
    args = parser.parse_args()
    TOOL = os.path.abspath(args.drbdsetup)
    if not os.access(TOOL, os.X_OK):
        print(f'{TOOL}: not there; build it with "make utils"', file=sys.stderr)
        print('0 passed, 1 failed')
        return 1
    report = Report(args.verbose, args.filters)
    with tempfile.TemporaryDirectory() as tmp:
        SHIM = build_shim(tmp)
        help_cases(report)
        output_cases(report, tmp)
        request_cases(report, tmp)
        ret_code_cases(report, tmp)
        kernel_error_cases(report, tmp)
        start_cases(report, tmp)
        poll_cases(report, tmp)
        batch_cases(report, tmp)
        conversation_cases(report, tmp)
        wait_cases(report, tmp)
    print(f'{report.passed} passed, {report.failed} failed')
    return 1 if report.failed else 0


if __name__ == '__main__':
    sys.exit(main())
