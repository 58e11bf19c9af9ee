/** A guest of user-mode Linux: another implementation of the front end, at full speed. */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type BackEnd } from '../support/back-end.js';
import { useRig } from '../support/rig.js';
import { type UmlGuest } from '../support/uml-guest.js';
import { filesOn } from './scenarios/files.js';

const run = promisify(execFile);
const mib = 1024 ** 2;
const files = filesOn('/dev/vda');

describe('the disk of a guest of user-mode Linux', () => {
  const rig = useRig();
  let image: string;
  let backEnd: BackEnd;
  let guest: UmlGuest;
  let obstacle = '';

  beforeAll(async () => {
    obstacle = await rig.umlObstacle();
    if (obstacle !== '') return;
    image = await rig.image('disk.img', 1024 * mib);
    const socketPath = rig.path('disk.sock');
    backEnd = await rig.backEnd({ socketPath, file: image, serial: 'interop-uml' });
    guest = rig.uml({ disk: { socketPath, device: 'blk' } });
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
    await guest.run(files.make(256));
    await guest.run(files.check);
  });

  it('gives the blocks of trimmed files back', async () => {
    const before = (await stat(image)).blocks;
    await guest.run(files.trimLarge);
    expect((before - (await stat(image)).blocks) * 512).toBeGreaterThanOrEqual(128 * mib);
    await guest.run(files.check);
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
    await guest.run(files.check);
  });

  it('leaves a file system that e2fsck finds clean', async () => {
    await guest.powerOff();
    await backEnd.stop();
    await run('e2fsck', ['-fn', image]);
  });
});
