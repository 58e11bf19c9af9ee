#!/usr/bin/env python3
"""malformed-client.py SOCKET DEVICE pr-helper|prd: what no proper client does, one connection for each case.
Prints a line for each: its name and what became of it: `closed`, or the answer."""
import array
import json
import os
import socket
import struct
import sys

PATIENCE = 20


class Peer:
    """A connection, and descriptors of the device to pass."""

    def __init__(self):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(PATIENCE)
        self.connection.connect(sys.argv[1])
        self.writable = os.open(sys.argv[2], os.O_RDWR)
        self.read_only = os.open(sys.argv[2], os.O_RDONLY)

    def send(self, data, *descriptors):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        self.connection.sendmsg([data], rights if descriptors else [])

    def read(self, length):
        data = b""
        while len(data) < length:
            part = self.connection.recv(length - len(data))
            if not part:
                return None
            data += part
        return data

    def end(self):
        self.connection.close()
        os.close(self.writable)
        os.close(self.read_only)


class PrHelper(Peer):
    def hello(self, features=0):
        self.read(4)
        self.send(struct.pack(">I", features))

    def outcome(self):
        """Of one request: closed, or its status, with the sense of CHECK CONDITION."""
        try:
            header = self.read(8)
        except ConnectionResetError:
            return "closed"
        if header is None:
            return "closed"
        status, length = struct.unpack(">II", header)
        sense = self.read(96)
        self.read(length)
        code = f" {sense[2] & 15:x}/{sense[12]:02x}/{sense[13]:02x}" if status == 2 else ""
        return f"status {status:02x}{code}"


READ_KEYS = bytes([0x5E, 0, 0, 0, 0, 0, 0, 0x20, 0, 0]).ljust(16, b"\0")
REGISTER = bytes([0x5F, 0, 0, 0, 0, 0, 0, 0, 24, 0]).ljust(16, b"\0")
LIST = struct.pack(">QQ8x", 0, 0xA1)
INQUIRY = bytes([0x12, 0, 0, 0, 36]).ljust(16, b"\0")


def cdb(command, length):
    return command[:5] + struct.pack(">I", length) + command[9:]


def pr_helper_cases():
    def unknown_features(peer):
        peer.hello(1)

    def no_descriptor(peer):
        peer.hello()
        peer.send(READ_KEYS)

    def two_descriptors(peer):
        peer.hello()
        peer.send(READ_KEYS, peer.writable, peer.writable)

    def many_descriptors(peer):
        peer.hello()
        peer.send(READ_KEYS, *[peer.writable] * 200)

    def descriptor_with_features(peer):
        peer.read(4)
        peer.send(bytes(4), peer.writable)

    def descriptor_with_list(peer):
        peer.hello()
        peer.send(REGISTER, peer.writable)
        peer.send(LIST, peer.writable)

    def other_command(peer):
        peer.hello()
        peer.send(INQUIRY, peer.writable)

    def long_list(peer):
        peer.hello()
        peer.send(cdb(REGISTER, 8193), peer.writable)

    def long_allocation(peer):
        peer.hello()
        peer.send(READ_KEYS[:7] + struct.pack(">H", 8193) + READ_KEYS[9:], peer.writable)

    def short_list(peer):
        peer.hello()
        peer.send(cdb(REGISTER, 23), peer.writable)
        peer.send(LIST[:23])

    def empty_list(peer):
        peer.hello()
        peer.send(cdb(REGISTER, 0), peer.writable)

    def too_much_data(peer):
        peer.hello()
        peer.send(REGISTER, peer.writable)
        peer.send(LIST + b"more")

    def read_only(peer):
        peer.hello()
        peer.send(REGISTER, peer.read_only)
        peer.send(LIST)

    def not_a_device(peer):
        peer.hello()
        pipe = os.pipe()
        peer.send(READ_KEYS, pipe[0])
        for end in pipe:
            os.close(end)

    def half_features(peer):
        peer.read(4)
        peer.send(b"\0\0")
        peer.connection.shutdown(socket.SHUT_WR)

    def half_cdb(peer):
        peer.hello()
        peer.send(READ_KEYS[:7], peer.writable)
        peer.connection.shutdown(socket.SHUT_WR)

    def half_list(peer):
        peer.hello()
        peer.send(REGISTER, peer.writable)
        peer.send(LIST[:7])
        peer.connection.shutdown(socket.SHUT_WR)

    return [case for name, case in locals().items() if callable(case)]


class Prd(Peer):
    def request(self, method, *descriptors, **params):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.send(json.dumps(request).encode() + b"\n", *descriptors)

    def hello(self):
        self.request("hello", version=1)
        self.answer()

    def answer(self):
        data = b""
        while not data.endswith(b"\n"):
            try:
                part = self.connection.recv(4096)
            except ConnectionResetError:
                return None
            if not part:
                return None
            data += part
        return json.loads(data.splitlines()[-1])

    def outcome(self):
        answer = self.answer()
        if answer is None:
            return "closed"
        if "error" in answer:
            return f"error {answer['error']['code']}"
        result = answer["result"]
        if "status" not in result:
            return "answered"
        sense = bytes.fromhex(result["sense"])
        return f"status {result['status']:02x} {sense[2] & 15:x}/{sense[12]:02x}/{sense[13]:02x}"


def prd_cases():
    def not_json(peer):
        peer.send(b"{\n")

    def not_a_request(peer):
        peer.send(b"[1]\n")

    def no_hello(peer):
        peer.request("open", peer.writable)

    def other_version(peer):
        peer.request("hello", version=2)

    def unknown_method(peer):
        peer.hello()
        peer.request("format")

    def no_descriptor(peer):
        peer.hello()
        peer.request("open")

    def descriptor_with_another_request(peer):
        peer.hello()
        peer.request("readKeys", peer.writable, handle=1)

    def two_descriptors(peer):
        peer.hello()
        peer.request("open", peer.writable, peer.writable)

    def many_descriptors(peer):
        peer.hello()
        peer.send(b'{"jsonrpc"', *[peer.writable] * 200)

    def not_a_device(peer):
        peer.hello()
        pipe = os.pipe()
        peer.request("open", pipe[0])
        for end in pipe:
            os.close(end)

    def read_only(peer):
        peer.hello()
        peer.request("open", peer.read_only)
        handle = peer.answer()["result"]["handle"]
        peer.request("register", handle=handle, newKey="0xa1")

    def unknown_handle(peer):
        peer.hello()
        peer.request("readKeys", handle=99)

    def another_command(peer):
        peer.hello()
        peer.request("open", peer.writable)
        handle = peer.answer()["result"]["handle"]
        peer.request("scsi", handle=handle, cdb=INQUIRY.hex())

    def wrong_parameters(peer):
        peer.hello()
        peer.request("open", peer.writable)
        handle = peer.answer()["result"]["handle"]
        peer.request("register", handle=handle, newKey="a1 or so")

    def endless_line(peer):
        peer.hello()
        peer.send(b" " * 65_000)
        peer.send(b" " * 65_000)

    def half_message(peer):
        peer.hello()
        peer.send(b'{"jsonrpc":"2.0","id":1,"method":"open"', peer.writable)
        peer.connection.shutdown(socket.SHUT_WR)

    return [case for name, case in locals().items() if callable(case)]


kind, cases = {"pr-helper": (PrHelper, pr_helper_cases), "prd": (Prd, prd_cases)}[sys.argv[3]]
for case in cases():
    peer = kind()
    try:
        case(peer)
        outcome = peer.outcome()
    except BrokenPipeError:
        outcome = "closed"
    print(f"{case.__name__.replace('_', ' ')}: {outcome}", flush=True)
    peer.end()
