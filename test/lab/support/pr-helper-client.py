#!/usr/bin/env python3
"""pr-helper-client.py SOCKET DEVICE COMMAND...: a client of qemu-pr-helper's protocol, written from
QEMU's docs/interop/pr-helper.rst. Prints a line of JSON for each command's reply.

Commands: keys, reservation, full; register,KEY,NEW  reserve,KEY,0,TYPE  release,KEY,0,TYPE
clear,KEY  preempt,KEY,VICTIM,TYPE  (hexadecimal)."""
import json
import os
import socket
import struct
import sys

OUT = {"register": 0, "reserve": 1, "release": 2, "clear": 3, "preempt": 4}
IN = {"keys": 0, "reservation": 1, "full": 3}


def read(connection, length):
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise SystemExit("closed by the helper")
        data += part
    return data


def request(words):
    if words[0] in IN:
        return bytes([0x5E, IN[words[0]], 0, 0, 0, 0, 0, 0x20, 0, 0]), b""
    key, new, kind = ([int(word, 16) for word in words[1:]] + [0, 0, 0])[:3]
    cdb = bytes([0x5F, OUT[words[0]], kind, 0, 0, 0, 0, 0, 24, 0])
    return cdb, struct.pack(">QQ8x", key, new)


def main():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    read(connection, 4)
    connection.sendall(bytes(4))
    device = os.open(sys.argv[2], os.O_RDWR)
    for command in sys.argv[3:]:
        cdb, data = request(command.split(","))
        socket.send_fds(connection, [cdb.ljust(16, b"\0")], [device])
        if data:
            connection.sendall(data)
        status, length = struct.unpack(">II", read(connection, 8))
        sense = read(connection, 96)
        payload = read(connection, length)
        code = f"{sense[2] & 15:x}/{sense[12]:02x}/{sense[13]:02x}" if status == 2 else ""
        print(json.dumps({"status": status, "sense": code, "data": payload.hex()}), flush=True)


main()
