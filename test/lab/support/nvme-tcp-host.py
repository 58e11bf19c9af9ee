#!/usr/bin/env python3
"""nvme-tcp-host.py ADDRESS PORT SUBSYSTEM COMMAND...: a host of its own at an NVMe target, which the kernel
would take for one more path of this machine. Written from NVMe over Fabrics 1.1 and the NVMe/TCP transport
specification. Prints the status of each command, 0 being success; leaves what it has registered.

Commands, of namespace 1, keys hexadecimal: register,KEY  preempt,KEY,VICTIM,TYPE  unregister,KEY"""
import socket
import struct
import sys
import uuid

HOST = uuid.UUID("99999999-8888-7777-6666-555555555555")
IC_REQUEST, COMMAND_CAPSULE = 0, 4
FABRICS, CONNECT, PROPERTY_SET = 0x7F, 1, 0
REGISTER, ACQUIRE = 0x0D, 0x11
# Types of SGL descriptors: where the data is.
IN_CAPSULE, ELSEWHERE = 0x01, 0x5A
ENABLE_WITH_ENTRIES_OF_64_AND_16 = 0x00460001


class Queue:
    def __init__(self, address, number, controller):
        self.connection = socket.create_connection(address)
        self.identifier = 0
        header = struct.pack("<BBBBI", IC_REQUEST, 0, 128, 0, 128)
        self.connection.sendall(header.ljust(128, b"\0"))
        self.read(128)
        data = HOST.bytes + struct.pack("<H", controller)
        data = data.ljust(256, b"\0") + SUBSYSTEM.encode().ljust(256, b"\0")
        data += f"nqn.2014-08.org.nvmexpress:uuid:{HOST}".encode().ljust(512, b"\0")
        words = struct.pack("<HHHBBI", 0, number, 31, 0, 0, 0)
        self.controller = self.command(FABRICS, words, data, kind=CONNECT)["result"] & 0xFFFF

    def read(self, length):
        data = b""
        while len(data) < length:
            part = self.connection.recv(length - len(data))
            if not part:
                raise SystemExit("the target closed the connection")
            data += part
        return data

    def command(self, opcode, words, data=b"", kind=0, namespace=0):
        """Dwords 10 and up of a command; its data goes within the capsule."""
        self.identifier += 1
        entry = struct.pack("<BBHI", opcode, 0x40, self.identifier, kind or namespace).ljust(24, b"\0")
        entry += struct.pack("<QI3xB", 0, len(data), IN_CAPSULE if data else ELSEWHERE)
        entry = (entry + words).ljust(64, b"\0")
        offset = 72 if data else 0
        header = struct.pack("<BBBBI", COMMAND_CAPSULE, 0, 72, offset, 72 + len(data))
        self.connection.sendall(header + entry + data)
        result, _, _, _, status = struct.unpack("<QHHHH", self.read(24)[8:])
        if opcode == FABRICS and status:
            raise SystemExit(f"fabrics command {kind}: status {status >> 1:#x}")
        return {"result": result, "status": status >> 1}


SUBSYSTEM = sys.argv[3]
where = (sys.argv[1], int(sys.argv[2]))
admin = Queue(where, 0, 0xFFFF)
admin.command(FABRICS, struct.pack("<IIQ", 0, 0x14, ENABLE_WITH_ENTRIES_OF_64_AND_16), kind=PROPERTY_SET)
queue = Queue(where, 1, admin.controller)
for text in sys.argv[4:]:
    name, *words = text.split(",")
    key, victim, kind = ([int(word, 16) for word in words] + [0, 0])[:3]
    opcode, action, data = {
        "register": (REGISTER, 0, struct.pack("<QQ", 0, key)),
        "unregister": (REGISTER, 1, struct.pack("<QQ", key, 0)),
        "preempt": (ACQUIRE, kind << 8 | 1, struct.pack("<QQ", key, victim)),
    }[name]
    print(queue.command(opcode, struct.pack("<I", action), data, namespace=1)["status"], flush=True)
