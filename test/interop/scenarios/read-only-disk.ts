import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { type QemuGuest, type QemuVersion, vhostUserBlk } from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';

const run = promisify(execFile);

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** A disk served with --read-only, seen by a guest that tries to write to it. */
export function describeReadOnlyDisk(version: QemuVersion): void {
  describe(`a read-only disk of QEMU ${version}`, () => {
    const rig = useRig();
    let image: string;
    let before: string;
    let guest: QemuGuest;

    beforeAll(async () => {
      image = await rig.image('disk.img', 64 * 1024 ** 2);
      await run('mkfs.ext4', ['-q', image]);
      before = await sha256(image);
      const socketPath = rig.path('disk.sock');
      await rig.backEnd({ socketPath, file: image, readOnly: true });
      guest = await rig.qemu({ version, disk: vhostUserBlk(socketPath) });
      await guest.booted();
    });

    it('is known to the guest as read-only', async () => {
      expect(await guest.run('blockdev --getro /dev/vda')).toBe('1\n');
    });

    it('can be mounted for reading only', async () => {
      await guest.run('mount /dev/vda /mnt');
      expect(await guest.run('grep " /mnt " /proc/mounts')).toContain(' ext4 ro,');
      await expect(guest.run('touch /mnt/file')).rejects.toThrow('Read-only file system');
      await guest.run('umount /mnt');
    });

    it.each([
      ['dd if=/dev/urandom of=/dev/vda bs=4k count=16 oflag=direct', 'Operation not permitted'],
      ['blockdev --setrw /dev/vda; echo text >/dev/vda', 'Operation not permitted'],
      ['blkdiscard /dev/vda', 'Operation not supported'],
    ])('refuses %s', async (script, error) => {
      await expect(guest.run(script)).rejects.toThrow(error);
    });

    it('is bit for bit what it was', async () => {
      await guest.powerOff();
      expect(await sha256(image)).toBe(before);
    });
  });
}
