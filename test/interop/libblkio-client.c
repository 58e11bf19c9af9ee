// A client of libblkio's virtio-blk-vhost-user driver: libblkio-client SOCKET.
//
// Does what makes libblkio unlike a virtual machine: its "guest addresses" are its own virtual
// addresses, and memory for data is added after the rings have started, some of it while I/O is
// under way, and taken away again. Ends with 0 if every byte came back as it was written; else
// says on stderr what went wrong.

// blkio.h uses types of these two without including them.
#include <signal.h>
#include <time.h>

#include <blkio.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  kBlockSize = 64 * 1024,
  kDepth = 32,
  kRegionSize = kDepth * kBlockSize,
};

static void check(bool ok, const char *what) {
  if (!ok) {
    fprintf(stderr, "%s: %s\n", what, blkio_get_error_msg());
    exit(1);
  }
}

// Waits for `count` requests of the queue and fails unless each succeeded.
static void complete(struct blkioq *queue, int count) {
  struct blkio_completion completions[kDepth];
  int done = blkioq_do_io(queue, completions, count, count, NULL);
  check(done == count, "do_io");
  for (int i = 0; i < done; i++) {
    if (completions[i].ret != 0) {
      const char *message = completions[i].error_msg;
      fprintf(stderr, "request failed: %s\n", message ? message : strerror(-completions[i].ret));
      exit(1);
    }
  }
}

static struct blkio_mem_region addRegion(struct blkio *disk) {
  struct blkio_mem_region region;
  check(blkio_alloc_mem_region(disk, &region, kRegionSize) == 0, "alloc_mem_region");
  check(blkio_map_mem_region(disk, &region) == 0, "map_mem_region");
  return region;
}

static void removeRegion(struct blkio *disk, const struct blkio_mem_region *region) {
  blkio_unmap_mem_region(disk, region);
  blkio_free_mem_region(disk, region);
}

// Fills a region with words that occur once on the disk.
static void fill(const struct blkio_mem_region *region, uint32_t seed) {
  uint32_t *words = region->addr;
  for (uint32_t i = 0; i < kRegionSize / sizeof *words; i++) {
    words[i] = seed << 24 | i;
  }
}

// Queues one request per block of the region, from byte `start` of the disk on.
static void transfer(struct blkioq *queue, const struct blkio_mem_region *region, uint64_t start,
                     bool write) {
  for (uint64_t offset = 0; offset < kRegionSize; offset += kBlockSize) {
    char *buffer = (char *)region->addr + offset;
    if (write) {
      blkioq_write(queue, start + offset, buffer, kBlockSize, NULL, 0);
    } else {
      blkioq_read(queue, start + offset, buffer, kBlockSize, NULL, 0);
    }
  }
}

static void checkEqual(const struct blkio_mem_region *a, const struct blkio_mem_region *b,
                       const char *what) {
  if (memcmp(a->addr, b->addr, kRegionSize) != 0) {
    fprintf(stderr, "%s: not what was written\n", what);
    exit(1);
  }
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: libblkio-client SOCKET\n");
    return 2;
  }
  struct blkio *disk;
  check(blkio_create("virtio-blk-vhost-user", &disk) == 0, "create");
  check(blkio_set_str(disk, "path", argv[1]) == 0, "path");
  check(blkio_connect(disk) == 0, "connect");
  check(blkio_set_int(disk, "num-queues", 2) == 0, "num-queues");
  check(blkio_start(disk) == 0, "start");
  struct blkioq *first = blkio_get_queue(disk, 0);
  struct blkioq *second = blkio_get_queue(disk, 1);

  struct blkio_mem_region written = addRegion(disk);
  fill(&written, 1);
  transfer(first, &written, 0, true);
  check(blkioq_do_io(first, NULL, 0, 0, NULL) == 0, "submit");

  // Added while the writes above are under way.
  struct blkio_mem_region read = addRegion(disk);
  complete(first, kDepth);
  transfer(second, &read, 0, false);
  complete(second, kDepth);
  checkEqual(&written, &read, "read on another queue");

  // Each region added is unlike the ones before it and leaves the others as they are.
  for (uint32_t round = 2; round < 40; round++) {
    struct blkio_mem_region scratch = addRegion(disk);
    fill(&scratch, round);
    transfer(first, &scratch, (uint64_t)round * kRegionSize, true);
    complete(first, kDepth);
    transfer(second, &read, (uint64_t)round * kRegionSize, false);
    complete(second, kDepth);
    checkEqual(&scratch, &read, "read of a later region");
    removeRegion(disk, &scratch);
  }

  blkioq_flush(first, NULL, 0);
  complete(first, 1);
  blkioq_write_zeroes(first, 0, kRegionSize, NULL, 0);
  complete(first, 1);
  memset(written.addr, 0, kRegionSize);
  transfer(first, &read, 0, false);
  complete(first, kDepth);
  checkEqual(&written, &read, "read of zeroes");
  blkioq_discard(first, 2 * kRegionSize, kRegionSize, NULL, 0);
  complete(first, 1);

  removeRegion(disk, &read);
  removeRegion(disk, &written);
  blkio_destroy(&disk);
  return 0;
}
