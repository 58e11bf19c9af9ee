/** A guest of user-mode Linux: another implementation of the front end, at full speed. */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BackEnd } from '../support/back-end.js';
import { useRig } from '../support/rig.js';
import { type UmlGuest } from '../support/uml-guest.js';
import { checkFiles, makeFiles, trimLargeFiles } from './scenarios/files.js';

const run = promisify(execFile);
const mib = 1024 ** 2;

describe('the disk of a guest of user-mode Linux', () => {
  const rig = useRig();
  let image: string;
  let backEnd: BackEnd;
  let guest: UmlGuest;
  /** Why user-mode Linux can't run on this machine, if so. */
  let obstacle = '';

  beforeAll(async () => {
    const diskless = rig.uml();
    try {
      await diskless.booted();
      await diskless.powerOff();
    } catch (error) {
      obstacle = `user-mode Linux does not boot here, even without a disk: ${String(error)}`;
      return;
    }
    image = await rig.image('disk.img', 1024 * mib);
    const socketPath = rig.path('disk.sock');
    backEnd = await rig.backEnd({ socketPath, file: image, serial: 'interop-uml' });
    guest = rig.uml(socketPath);
    await guest.booted();
  });

  beforeEach(({ skip }) => {
    if (obstacle !== '') skip(obstacle);
  });

  it('has the serial and the size given', async () => {
    expect(await guest.run('cat /sys/block/vda/serial')).toBe('interop-uml');
    expect(Number(await guest.run('cat /sys/block/vda/size'))).toBe((1024 * mib) / 512);
  });

  it('keeps 256 MiB of files', async () => {
    await guest.run(makeFiles(256));
    await guest.run(checkFiles);
  });

  it('gives the blocks of trimmed files back', async () => {
    const before = (await stat(image)).blocks;
    await guest.run(trimLargeFiles);
    expect((before - (await stat(image)).blocks) * 512).toBeGreaterThanOrEqual(128 * mib);
    await guest.run(checkFiles);
  });

  it('reads what fio has written, at depth and in odd sizes', async () => {
    await guest.run(
      'mount /dev/vda /mnt && fallocate -l 256M /mnt/fio && umount /mnt && mount /dev/vda /mnt',
    );
    await guest.run(
      `cd /mnt && fio --name=verify --filename=fio --size=256M --rw=randwrite \
         --bsrange=4k-128k --blockalign=4k --direct=1 --ioengine=libaio --iodepth=32 \
         --verify=crc32c --verify_fatal=1 --randseed=1`,
    );
    await guest.run('umount /mnt');
    await guest.run(checkFiles);
  });

  it('leaves a file system that e2fsck finds clean', async () => {
    await guest.powerOff();
    await backEnd.stop();
    await run('e2fsck', ['-fn', image]);
  });
});
