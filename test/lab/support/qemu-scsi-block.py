#!/usr/bin/env python3
"""qemu-scsi-block.py DEVICE PR-HELPER-SOCKET: QEMU with a scsi-block disk of the device whose reservations
go through pr-manager-helper. Its processor halts at once: this program drives its virtio-scsi controller (virtio
0.9.5's MMIO transport) by qtest, so all that stands between a command and the helper is QEMU.

Reads commands from standard input, a line each: CDB [DATA-OUT] in hexadecimal. Prints a line of JSON for each
as it ends: status, sense, data."""
import json
import os
import struct
import subprocess
import sys
import tempfile
import time

DEVICE, HELPER = sys.argv[1:]
# The processor's first instructions, at the end: cli; hlt; jmp to hlt.
FIRMWARE = bytes(65536 - 16) + b"\xfa\xf4\xeb\xfd".ljust(16, b"\0")
# Of microvm: https://www.qemu.org/docs/master/system/i386/microvm.html, hw/i386/microvm.c
FIRST_TRANSPORT, TRANSPORTS, TRANSPORT_BYTES = 0xFEB00000, 24, 0x200
DEVICE_ID, GUEST_FEATURES, PAGE_SIZE, QUEUE, QUEUE_LENGTH = 0x08, 0x20, 0x28, 0x30, 0x38
QUEUE_ALIGN, QUEUE_PAGE, NOTIFY, STATUS = 0x3C, 0x40, 0x50, 0x70
SCSI_HOST, REQUEST_QUEUE = 8, 2
RESERVE_IN = 0x5E
READY = 7
PAGE, RING_PAGE, ENTRIES = 4096, 16, 8
NEXT, WRITABLE = 1, 2
RING = RING_PAGE * PAGE
AVAILABLE, USED = RING + 16 * ENTRIES, RING + PAGE
HEADER, DATA_OUT, RESPONSE, DATA_IN = 0x40000, 0x41000, 0x42000, 0x43000
HEADER_BYTES, RESPONSE_BYTES, DATA_IN_BYTES = 51, 108, 8192


class Machine:
    """QEMU, its memory and registers reached by qtest: docs/devel/testing/qtest.rst."""

    def __init__(self):
        firmware = tempfile.NamedTemporaryFile()
        firmware.write(FIRMWARE)
        firmware.flush()
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "microvm,accel=tcg", "-m", "16", "-nodefaults"]
            + ["-display", "none", "-bios", firmware.name, "-qtest", "stdio", "-qtest-log", "none"]
            + ["-object", f"pr-manager-helper,id=helper,path={HELPER}"]
            + ["-blockdev", f"host_device,node-name=disk,filename={DEVICE},pr-manager=helper"]
            + ["-device", "virtio-scsi-device", "-device", "scsi-block,drive=disk,share-rw=on"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ask("endianness")

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if words[:1] != ["OK"]:
            raise SystemExit(f"{line}: {' '.join(words) or 'QEMU has ended'}")
        return words[1:]

    def load(self, address, kind="l"):
        return int(self.ask(f"read{kind} {address:#x}")[0], 16)

    def store(self, address, value):
        self.ask(f"writel {address:#x} {value:#x}")

    def read(self, address, length):
        return bytes.fromhex(self.ask(f"read {address:#x} {length:#x}")[0][2:])

    def write(self, address, data):
        self.ask(f"write {address:#x} {len(data):#x} 0x{data.hex()}")


class ScsiHost:
    def __init__(self, machine):
        self.machine = machine
        slots = [FIRST_TRANSPORT + index * TRANSPORT_BYTES for index in range(TRANSPORTS)]
        self.registers = next(slot for slot in slots if machine.load(slot + DEVICE_ID) == SCSI_HOST)
        self.used = 0
        for register, value in [
            (STATUS, 0),
            (STATUS, 3),
            (GUEST_FEATURES, 0),
            (PAGE_SIZE, PAGE),
            (QUEUE, REQUEST_QUEUE),
            (QUEUE_LENGTH, ENTRIES),
            (QUEUE_ALIGN, PAGE),
            (QUEUE_PAGE, RING_PAGE),
            (STATUS, READY),
        ]:
            machine.store(self.registers + register, value)

    def execute(self, cdb, data_out):
        """One command at a time, of the disk at target 0, LUN 0."""
        machine = self.machine
        machine.write(HEADER, bytes([1, 0, 0x40, 0]).ljust(19, b"\0") + cdb.ljust(32, b"\0"))
        chain = [(HEADER, HEADER_BYTES, 0), (RESPONSE, RESPONSE_BYTES, WRITABLE)]
        reads = cdb[0] == RESERVE_IN
        if reads:
            chain.append((DATA_IN, DATA_IN_BYTES, WRITABLE))
        if data_out:
            machine.write(DATA_OUT, data_out)
            chain.insert(1, (DATA_OUT, len(data_out), 0))
        for index, (address, length, flags) in enumerate(chain):
            more = NEXT if index + 1 < len(chain) else 0
            entry = struct.pack("<QIHH", address, length, flags | more, index + 1)
            machine.write(RING + 16 * index, entry)
        machine.write(AVAILABLE + 4 + 2 * (self.used % ENTRIES), struct.pack("<H", 0))
        self.used += 1
        machine.write(AVAILABLE + 2, struct.pack("<H", self.used & 0xFFFF))
        machine.store(self.registers + NOTIFY, REQUEST_QUEUE)
        while machine.load(USED + 2, "w") != self.used & 0xFFFF:
            time.sleep(0.01)  # qtest has no event for it
        sense_length, residual, _, status, answer = struct.unpack(
            "<IIHBB", machine.read(RESPONSE, 12)
        )
        sense = machine.read(RESPONSE + 12, 96)[:sense_length]
        read_bytes = DATA_IN_BYTES - residual if reads and status == 0 else 0
        data = machine.read(DATA_IN, read_bytes) if read_bytes else b""
        code = f"{sense[2] & 15:x}/{sense[12]:02x}/{sense[13]:02x}" if len(sense) > 13 else ""
        return {"status": status, "response": answer, "sense": code, "data": data.hex()}


host = ScsiHost(Machine())
for line in sys.stdin:
    command, *data = [bytes.fromhex(word) for word in line.split()]
    print(json.dumps(host.execute(command, b"".join(data))), flush=True)
host.machine.process.kill()
host.machine.process.wait()
