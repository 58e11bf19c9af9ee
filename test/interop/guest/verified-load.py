"""verified-load.py DISK BLOCKS WRITERS

Writes blocks at random, WRITERS at a time, each with its number and a count of its own in all of
it, reads others back and compares, until /run/stop is there; then reads all of them. Makes
/run/loading when it is in full swing; when all is over, /run/loaded says in JSON:

    written   writes that succeeded
    verified  blocks that were read back and were right
    errors    what was wrong, at most 20 sentences
"""

import json
import mmap
import os
import random
import struct
import sys
import threading

BLOCK = 4096
WORDS = BLOCK // 16

path, blocks, writers = sys.argv[1], *map(int, sys.argv[2:])
disk = os.open(path, os.O_RDWR | os.O_DIRECT)
lock = threading.Lock()
report = {"written": 0, "verified": 0, "errors": []}


def content(block, count):
    return struct.pack("<QQ", block, count) * WORDS


def complain(sentence):
    with lock:
        if len(report["errors"]) < 20:
            report["errors"].append(sentence)


def verify(block, count, buffer):
    try:
        os.preadv(disk, [buffer], block * BLOCK)
    except OSError as failure:
        complain(f"block {block} can't be read: {failure.errno}")
        return
    if buffer[:] == content(block, count):
        with lock:
            report["verified"] += 1
    else:
        found = struct.unpack_from("<QQ", buffer, 0)
        complain(f"block {block} holds {found}, not count {count}")


def load(first):
    own = range(first, blocks, writers)
    counts = {}
    buffer = mmap.mmap(-1, BLOCK)  # direct I/O wants whole pages
    count = 0
    while not os.path.exists("/run/stop") and not report["errors"]:
        block = random.choice(own)
        count += 1
        buffer[:] = content(block, count)
        try:
            os.pwrite(disk, buffer, block * BLOCK)
        except OSError as failure:
            complain(f"block {block} can't be written: {failure.errno}")
            return
        counts[block] = count
        with lock:
            report["written"] += 1
            if report["written"] == 8 * writers:
                open("/run/loading", "w").close()
        other = random.choice(list(counts))
        verify(other, counts[other], buffer)
    for block, last in counts.items():
        verify(block, last, buffer)


threads = [threading.Thread(target=load, args=(first,)) for first in range(writers)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with open("/run/loaded.new", "w") as file:
    json.dump(report, file)
os.rename("/run/loaded.new", "/run/loaded")
