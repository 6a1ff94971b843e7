# SPDX-License-Identifier: GPL-2.0-only
"""Behaves like a peer for a while, then no more: runs on a node, python3 - TARGET STEP...

Steps, in any order:
data:HEX, control:HEX   opens that stream, if need be, and sends bytes (first packet: as well)
pair                    both streams with their proper first packets
features                waits for the other side's features packet, answers properly
close                   sends no more on the data stream
At the end waits until the other side has closed all, says so.
"""
import socket
import struct
import sys

FIRST = {"data": bytes.fromhex("83740267fff20000"), "control": bytes.fromhex("83740267fff10000")}
streams = {}


def stream(name):
    if name not in streams:
        streams[name] = socket.create_connection((sys.argv[1], 7788), 20)
    return streams[name]


def exactly(sock, n):
    got = b""
    while len(got) < n:
        b = sock.recv(n - len(got))
        if not b:
            sys.exit("closed too early")
        got += b
    return got


for step in sys.argv[2:]:
    verb, _, arg = step.partition(":")
    try:
        if verb == "pair":
            for name, first in FIRST.items():
                stream(name).sendall(first)
        elif verb == "features":
            theirs = exactly(stream("data"), 80)
            low, flags, high, sender, receiver = struct.unpack(">IIIII", theirs[8:28])
            stream("data").sendall(struct.pack(">IHHIIIII52x", 0x83740267, 0xfffe, 72,
                                               low, flags, high, receiver, sender))
        elif verb == "close":
            stream("data").shutdown(socket.SHUT_WR)
        else:
            stream(verb).sendall(bytes.fromhex(arg))
    except (BrokenPipeError, ConnectionResetError):
        # Thrown out before all was said.
        break
for s in streams.values():
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass
print("closed by the other side")
