import { describe, expect, it, onTestFinished } from 'vitest';
import { BackEnd } from '../../support/back-end.js';
import { successful } from '../../support/command.js';
import { type QemuVersion, vhostUserBlk } from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';
import { loopDevice } from '../../support/scratch-device.js';
import { filesOn } from './files.js';

const files = filesOn('/dev/vda');

/** A disk with 4 KiB sectors, which takes nothing smaller. */
export function describeLargeSectors(version: QemuVersion): void {
  describe(`a 4Kn disk of QEMU ${version}`, () => {
    const rig = useRig();

    it('keeps files', async () => {
      const image = await rig.image('disk.img', 1024 ** 3);
      const device = await loopDevice(image, '--sector-size', '4096', '--direct-io=on');
      const socketPath = rig.path('disk.sock');
      const backEnd = await BackEnd.start({ socketPath, file: device }, onTestFinished);
      const guest = await rig.qemu({ version, disk: vhostUserBlk(socketPath) });
      await guest.booted();

      expect(await guest.run('cat /sys/block/vda/queue/logical_block_size')).toBe('4096\n');
      expect(Number(await guest.run('cat /sys/block/vda/size'))).toBe(1024 ** 3 / 512);
      await guest.run(files.make(64));
      await guest.run(files.check);

      await guest.powerOff();
      await backEnd.stop();
      await successful('e2fsck', '-fn', device);
    });
  });
}
