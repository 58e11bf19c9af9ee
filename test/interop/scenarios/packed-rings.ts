import { beforeAll, describe, expect, it } from 'vitest';
import { clusterDisk } from '../../support/cluster.js';
import {
  type QemuGuest,
  type QemuVersion,
  vhostUserBlk,
  vhostUserScsi,
} from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';
import { registeredKeys, sgPersist } from '../../support/sg-persist.js';
import { filesOn } from './files.js';

const mib = 1024 ** 2;
/** VIRTIO_F_RING_PACKED. */
const ringPacked = 34;

const kinds = {
  blk: { driver: 'virtio_blk', disk: '/dev/vda', argumentsOf: vhostUserBlk },
  scsi: { driver: 'virtio_scsi', disk: clusterDisk, argumentsOf: vhostUserScsi },
} as const;

/** The guest's driver has negotiated packed rings, and does all its work on them. */
export function describePackedRings(version: QemuVersion): void {
  describe.each(['blk', 'scsi'] as const)(`packed rings of QEMU ${version}, %s`, (kind) => {
    const { driver, disk, argumentsOf } = kinds[kind];
    const files = filesOn(disk);
    const rig = useRig();
    let guest: QemuGuest;

    const diskIsThere = () => guest.run(`until [ -b ${disk} ]; do usleep 10000; done`);

    beforeAll(async () => {
      const socketPath = rig.path('disk.sock');
      await rig.backEnd({
        socketPath,
        file: await rig.image('disk.img', 512 * mib),
        more: ['--device', kind],
      });
      guest = await rig.qemu({
        version,
        cpus: 2,
        software: 'cluster',
        disk: argumentsOf(socketPath, { numQueues: 2, packed: true }),
      });
      await guest.booted();
      await diskIsThere();
    });

    it('are what the driver uses', async () => {
      const features = await guest.run(`cat /sys/bus/virtio/drivers/${driver}/virtio*/features`);
      expect(features[ringPacked]).toBe('1');
    });

    it('go on after pauses under load', async () => {
      await guest.run(`
        (for i in $(seq 6); do
          dd if=/dev/urandom of=/run/data bs=64k count=32 &&
          dd if=/run/data of=${disk} bs=64k seek=4096 oflag=direct &&
          dd if=${disk} of=/run/copy bs=64k skip=4096 count=32 iflag=direct &&
          cmp /run/data /run/copy || break
        done; echo $i >/run/load) >/run/load.log 2>&1 &`);
      for (let i = 0; i < 6; i += 1) {
        await guest.pause();
        await guest.resume();
        await guest.run('true');
      }
      await guest.run('until [ -s /run/load ]; do usleep 100000; done');
      expect(await guest.run('cmp /run/data /run/copy && cat /run/load')).toBe('6\n');
    });

    it('keep 64 MiB of files', async () => {
      await guest.run(files.make(64));
      await guest.run(files.check);
    });

    if (kind === 'scsi') {
      it('carry reservations', async () => {
        await sgPersist(guest, '--out --register --param-sark=7');
        expect(await registeredKeys(guest)).toEqual(['7']);
      });
    }

    it('begin anew with the next driver', async () => {
      await guest.reset();
      await guest.booted(2);
      await diskIsThere();
      await guest.run(`dd if=${disk} of=/dev/null bs=1M count=64 iflag=direct`);
    });
  });
}
