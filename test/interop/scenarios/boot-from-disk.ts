import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BackEnd } from '../../support/back-end.js';
import { makeBootDisk } from '../../support/boot-disk.js';
import { within } from '../../support/deadline.js';
import { qemuGuest as guestFiles } from '../../support/images.js';
import { type QemuGuest, type QemuVersion, vhostUserBlk } from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';

const mib = 1024 ** 2;

/** Firmware and boot loader are drivers of the disk too. */
export function describeBootFromDisk(version: QemuVersion): void {
  describe(`a guest of QEMU ${version} that boots from the disk`, () => {
    const rig = useRig();
    let backEnd: BackEnd;
    let guest: QemuGuest;

    beforeAll(async () => {
      const file = rig.path('disk.img');
      await makeBootDisk(file, 128 * mib);
      backEnd = await rig.backEnd({ socketPath: rig.path('disk.sock'), file });
      guest = await rig.qemu({ version, boot: 'disk', disk: vhostUserBlk(rig.path('disk.sock')) });
    });

    it('gets as far as its boot loader through SeaBIOS', async () => {
      let output = '';
      guest.keys.on('data', (data: Buffer) => (output += data.toString()));
      const up = (async () => {
        while (!output.includes('GRUB is up')) await once(guest.keys, 'data');
      })();
      await within(60_000, 'GRUB', up);
    });

    it('sees a size that changed while the firmware had the disk', async () => {
      await backEnd.resize(256 * mib);
      guest.keys.write('\r');
      await guest.booted();
      expect(Number(await guest.run('cat /sys/block/vda/size'))).toBe((256 * mib) / 512);
    });

    it('runs the kernel of the disk', async () => {
      const kernel = createHash('sha256')
        .update(await readFile(guestFiles.kernel))
        .digest('hex');
      const sum = await guest.run('mount -o ro /dev/vda1 /mnt && sha256sum /mnt/vmlinuz');
      expect(sum).toContain(kernel);
    });
  });
}
