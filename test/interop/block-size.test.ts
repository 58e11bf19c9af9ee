/** A disk with 4 KiB sectors, which takes nothing smaller. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { BackEnd } from '../support/back-end.js';
import { successful } from '../support/command.js';
import { vhostUserBlk } from '../support/qemu-guest.js';
import { useRig } from '../support/rig.js';
import { loopDevice } from '../support/scratch-device.js';
import { checkFiles, makeFiles } from './files.js';

describe('a 4Kn disk', () => {
  const rig = useRig();

  it.each(['7.2', '10'] as const)('keeps the files of a guest of QEMU %s', async (version) => {
    const image = await rig.image(`disk-${version}.img`, 1024 ** 3);
    const device = await loopDevice(image, '--sector-size', '4096', '--direct-io=on');
    const socketPath = rig.path(`disk-${version}.sock`);
    const backEnd = await BackEnd.start({ socketPath, file: device }, onTestFinished);
    const guest = await rig.qemu({ version, disk: vhostUserBlk(socketPath) });
    await guest.booted();

    expect(await guest.run('cat /sys/block/vda/queue/logical_block_size')).toBe('4096\n');
    expect(Number(await guest.run('cat /sys/block/vda/size'))).toBe(1024 ** 3 / 512);
    await guest.run(makeFiles);
    await guest.run(checkFiles);

    await guest.powerOff();
    await backEnd.stop();
    await successful('e2fsck', '-fn', device);
  });
});
