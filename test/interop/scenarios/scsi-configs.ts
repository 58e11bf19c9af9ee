import { afterEach, describe, expect, it } from 'vitest';
import { clusterDisk } from '../../support/cluster.js';
import { holdfastPr } from '../../support/holdfast-pr.js';
import { type QemuVersion } from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';
import { registeredKeys, sgPersist } from '../../support/sg-persist.js';
import { configDirectory } from './qemu-configs.js';

const mib = 1024 ** 2;
const vm2 = 'iqn.2026-11.org.example:vm2';

const readFrom = (disk: string) => `dd if=${disk} of=/dev/null bs=4k count=1 iflag=direct`;
const writeTo = (disk: string) => `dd if=/dev/zero of=${disk} bs=4k count=1 oflag=direct`;

/** The files of qemu-configs with SCSI disks, started as they stand with what they say. */
export function describeScsiConfigs(version: QemuVersion): void {
  describe(`the SCSI configurations for QEMU ${version}`, () => {
    const rig = useRig();
    afterEach(() => rig.clear());

    const startGuest = async (config: string) => {
      const disk = ['-readconfig', `${configDirectory}/${config}`];
      const runDirectory = rig.directory;
      return rig.qemu({ version, disk, runDirectory, software: 'cluster' });
    };

    /** A server for two guests, the second with a disk of `kind`, and both guests. */
    const startBoth = async (kind: 'scsi' | 'blk') => {
      await rig.backEnd({
        file: await rig.image('disk.img', 64 * mib),
        socketPath: [rig.path('vm1.sock'), rig.path('vm2.sock')],
        more: [
          ...['--device', 'scsi', '--initiator-name', 'iqn.2026-11.org.example:vm1'],
          ...['--device', kind, '--initiator-name', vm2],
          ...['--control-socket', rig.path('control.sock')],
          ...['--reservation-state', rig.path(`reservations-${kind}`)],
        ],
      });
      const configs = ['shared-scsi-1.cfg', `shared-${kind}-2.cfg`] as const;
      const [one, two] = [await startGuest(configs[0]), await startGuest(configs[1])];
      await one.booted();
      await two.booted();
      await sgPersist(one, '--out --register --param-sark=1');
      return { one, two };
    };

    it('give the guest the disk that scsi.cfg describes', async () => {
      const file = await rig.image('disk.img', 64 * mib);
      const socketPath = rig.path('disk.sock');
      await rig.backEnd({ socketPath, file, more: ['--device', 'scsi'] });
      const guest = await startGuest('scsi.cfg');
      await guest.booted();
      expect(await guest.run(`sg_inq ${clusterDisk}`)).toContain('HOLDFAST');
      await guest.run(writeTo(clusterDisk));
      await sgPersist(guest, '--out --register --param-sark=1');
      expect(await registeredKeys(guest)).toEqual(['1']);
    });

    it('let two guests share a disk with shared-scsi-1.cfg and shared-scsi-2.cfg', async () => {
      const { one, two } = await startBoth('scsi');
      await sgPersist(two, '--out --register --param-sark=2');
      await sgPersist(one, '--out --reserve --param-rk=1 --prout-type=5');
      await two.run(writeTo(clusterDisk));
      await sgPersist(one, '--out --preempt-abort --param-rk=1 --param-sark=2 --prout-type=5');
      await two.run(readFrom(clusterDisk));
      await expect(two.run(writeTo(clusterDisk))).rejects.toThrow('Invalid exchange');
    });

    it('let a guest with shared-blk-2.cfg share the disk, and be fenced too', async () => {
      const { one, two } = await startBoth('blk');
      await two.run(writeTo('/dev/vda'));
      await sgPersist(one, '--out --reserve --param-rk=1 --prout-type=5');
      await two.run(readFrom('/dev/vda'));
      await expect(two.run(writeTo('/dev/vda'))).rejects.toThrow('Input/output error');

      const control = rig.path('control.sock');
      await holdfastPr(control, 'register-ignore', '--as', vm2, '--new-key', '0x2');
      await two.run(writeTo('/dev/vda'));
      await sgPersist(one, '--out --preempt-abort --param-rk=1 --param-sark=2 --prout-type=5');
      await expect(two.run(writeTo('/dev/vda'))).rejects.toThrow('Input/output error');
      expect(await holdfastPr(control, 'keys')).not.toContain('0x2');
    });
  });
}
