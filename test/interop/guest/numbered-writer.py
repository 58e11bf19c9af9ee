"""numbered-writer.py DISK BLOCKS WRITERS ROUND

Writes blocks with ROUND and a number in each, WRITERS at a time, until each writer has been refused
20 times. Makes /run/writing when it is in full swing; when all is over, /run/written says in JSON:

    written  writes that succeeded
    late     of these, those that a writer sent after it had been refused
    errors   the numbers of the errors that there were
"""

import json
import mmap
import os
import struct
import sys
import threading

BLOCK = 4096
STRIDE = 1031  # prime: soon all over the disk
REFUSALS = 20

path, blocks, writers, turn = sys.argv[1], *map(int, sys.argv[2:])
disk = os.open(path, os.O_WRONLY | os.O_DIRECT)
lock = threading.Lock()
report = {"written": 0, "late": 0, "errors": []}


def write_all(number):
    buffer = mmap.mmap(-1, BLOCK)  # direct I/O wants whole pages
    refused = 0
    while refused < REFUSALS:
        struct.pack_into("<4sII", buffer, 0, b"VICT", turn, number)
        error = None
        try:
            os.pwrite(disk, buffer, number * STRIDE % blocks * BLOCK)
        except OSError as failure:
            error = failure.errno
            refused += 1
        with lock:
            if error is None:
                report["written"] += 1
                report["late"] += 1 if refused > 0 else 0
                if report["written"] == 8 * writers:
                    open("/run/writing", "w").close()
            elif error not in report["errors"]:
                report["errors"].append(error)
        number += writers


threads = [threading.Thread(target=write_all, args=(first,)) for first in range(writers)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with open("/run/written.new", "w") as file:
    json.dump(report, file)
os.rename("/run/written.new", "/run/written")
