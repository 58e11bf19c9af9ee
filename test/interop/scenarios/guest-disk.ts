import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

import { type BackEnd } from '../../support/back-end.js';
import {
  type QemuGuest,
  type QemuVersion,
  reconnectOption,
  vhostUserBlk,
} from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';
import { filesOn } from './files.js';

const run = promisify(execFile);
const mib = 1024 ** 2;
const files = filesOn('/dev/vda');

/** One guest's life with its disk, told in the order in which it happens. */
export function describeGuestDisk(version: QemuVersion): void {
  describe(`the disk of a guest of QEMU ${version}`, () => {
    const rig = useRig();
    let image: string;
    let backEnd: BackEnd;
    let guest: QemuGuest;

    const startBackEnd = async () =>
      rig.backEnd({ socketPath: rig.path('disk.sock'), file: image, serial: 'interop-1' });

    beforeAll(async () => {
      image = await rig.image('disk.img', 1024 * mib);
      backEnd = await startBackEnd();
      guest = await rig.qemu({
        version,
        cpus: 2,
        disk: vhostUserBlk(rig.path('disk.sock'), {
          numQueues: 2,
          reconnect: reconnectOption(version),
        }),
      });
      await guest.booted();
    });

    it('has the serial given', async () => {
      expect(await guest.run('cat /sys/block/vda/serial')).toBe('interop-1');
    });

    it('keeps 256 MiB of files', async () => {
      await guest.run(files.make(256));
      await guest.run(files.check);
    });

    it('gives the blocks of trimmed files back', async () => {
      const allocated = async () => (await stat(image)).blocks * 512;
      const before = await allocated();
      await guest.run(files.trimLarge);
      expect(before - (await allocated())).toBeGreaterThanOrEqual(128 * mib);
      await guest.run(files.check);
    });

    it('runs I/O on both queues', async () => {
      const interrupts = async (queue: number) =>
        Number(await guest.run(`awk '/virtio1-req.${queue}/ {print $2 + $3}' /proc/interrupts`));
      expect(await guest.run('ls /sys/block/vda/mq')).toBe('0\n1\n');
      for (const queue of [0, 1]) {
        const [here, elsewhere] = [await interrupts(queue), await interrupts(1 - queue)];
        await guest.run(
          `taskset -c ${queue} dd if=/dev/vda of=/dev/null bs=4k count=200 iflag=direct`,
        );
        expect((await interrupts(queue)) - here).toBeGreaterThanOrEqual(200);
        expect(await interrupts(1 - queue)).toBe(elsewhere);
      }
    });

    /** Waits for the kernel's own report that the disk has changed its size. */
    const sizeSeen = async (sizeBytes: number) => {
      await guest.run(`timeout 60 grep -m 1 'vda. new size: ${sizeBytes / 512} ' /dev/kmsg`);
      expect(Number(await guest.run('cat /sys/block/vda/size'))).toBe(sizeBytes / 512);
    };

    it('grows while it runs, with its file system', async () => {
      await backEnd.resize(1280 * mib);
      await sizeSeen(1280 * mib);
      await guest.run('e2fsck -fy /dev/vda && resize2fs /dev/vda');
      await guest.run(files.check);
    });

    it('has grown after a pause', async () => {
      await guest.pause();
      await backEnd.resize(1536 * mib);
      await guest.resume();
      await sizeSeen(1536 * mib);
    });

    it('has grown after the back end was away', async () => {
      await backEnd.stop();
      await run('truncate', ['--size', `${1792 * mib}`, image]);
      backEnd = await startBackEnd();
      await sizeSeen(1792 * mib);
      await guest.run(files.check);
    });

    it('survives pauses under load', async () => {
      await guest.run(`
      mount /dev/vda /mnt
      (for i in $(seq 8); do
        dd if=/dev/urandom of=/mnt/paused-$i bs=64k count=64 oflag=direct || exit
        cd /mnt; sha256sum paused-$i >>/run/sums; cd /
      done; echo done >/run/load) >/run/load.log 2>&1 &`);
      for (let i = 0; i < 10; i += 1) {
        await guest.pause();
        await guest.resume();
        await guest.run('true');
      }
      await guest.run('until [ -e /run/load ]; do usleep 100000; done; umount /mnt');
      await guest.run(files.check);
    });

    it('leaves a file system that e2fsck finds clean', async () => {
      await guest.powerOff();
      await backEnd.stop();
      await run('e2fsck', ['-fn', image]);
    });
  });
}
