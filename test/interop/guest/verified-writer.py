"""verified-writer.py DISK WRITERS BLOCKS

Writes and reads random blocks of 4 KiB, WRITERS at a time, each on BLOCKS blocks of its own, which are
zeros at first. A written block says everywhere which it is and how often it was written. What is read
must be what was written last: then nothing was lost, torn, or written late or again.

/run/progress has the number of requests that have ended. When /run/stop appears, all blocks are read
once more, and /run/report says in JSON:

    written, read  requests that succeeded
    wrong          blocks that held something else: number, expected and found version (-1: torn)
    errors         the numbers of the errors that there were
"""

import json
import mmap
import os
import random
import struct
import sys
import threading
import time

BLOCK = 4096
HEADER = "<QQ"
REPEATS = BLOCK // struct.calcsize(HEADER)

path, writers, blocks = sys.argv[1], *map(int, sys.argv[2:])
disk = os.open(path, os.O_RDWR | os.O_DIRECT)
lock = threading.Lock()
report = {"written": 0, "read": 0, "wrong": [], "errors": []}


def contents(block, version):
    return struct.pack(HEADER, block, version) * REPEATS if version > 0 else bytes(BLOCK)


def count(what):
    with lock:
        report[what] += 1


def note(what, entry):
    with lock:
        if len(report[what]) < 20:
            report[what].append(entry)


def write(buffer, block, version):
    buffer[:] = contents(block, version)
    os.pwrite(disk, buffer, block * BLOCK)
    count("written")


def check(buffer, block, version):
    os.preadv(disk, [buffer], block * BLOCK)
    count("read")
    expected, found = contents(block, version), buffer[:]
    if found != expected:
        other = struct.unpack_from(HEADER, found)[1]
        whole = found == contents(block, other)
        note("wrong", [block, version, other if whole else -1])


def work(first):
    buffer = mmap.mmap(-1, BLOCK)  # direct I/O wants whole pages
    versions = [0] * blocks
    draw = random.Random(first)
    try:
        while not os.path.exists("/run/stop"):
            own = draw.randrange(blocks)
            if draw.random() < 0.7:
                write(buffer, first + own, versions[own] + 1)
                versions[own] += 1
            else:
                check(buffer, first + own, versions[own])
        for own, version in enumerate(versions):
            check(buffer, first + own, version)
    except OSError as failure:
        note("errors", failure.errno)


def publish(name, text):
    with open(f"/run/{name}.new", "w") as file:
        file.write(text)
    os.rename(f"/run/{name}.new", f"/run/{name}")


threads = [threading.Thread(target=work, args=(i * blocks,)) for i in range(writers)]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    publish("progress", str(report["written"] + report["read"]))
    time.sleep(0.05)
publish("report", json.dumps(report))
