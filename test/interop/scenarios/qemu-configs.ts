import { afterEach, describe, expect, it } from 'vitest';
import { type BackEnd } from '../../support/back-end.js';
import { checkout } from '../../support/images.js';
import { type QemuGuest, type QemuVersion } from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';
import { readNote, writeNote } from './busy-disk.js';

export const configDirectory = `${checkout}qemu-configs`;

interface Scene {
  guest: QemuGuest;
  backEnd: BackEnd;
  startBackEnd: () => Promise<BackEnd>;
}

/** What a guest started with each of the files must find. */
const checks = {
  'plain.cfg': async ({ guest }: Scene) => {
    await guest.run(writeNote('plain'));
    expect(await guest.run(readNote)).toBe('plain\n');
  },
  'multiqueue.cfg': async ({ guest }: Scene) => {
    expect(await guest.run('ls /sys/block/vda/mq')).toBe('0\n1\n2\n3\n');
  },
  'read-only.cfg': async ({ guest }: Scene) => {
    expect(await guest.run('blockdev --getro /dev/vda')).toBe('1\n');
  },
  'reconnect.cfg': survivesRestart,
  'reconnect-ms.cfg': survivesRestart,
};
type QemuConfig = keyof typeof checks;

async function survivesRestart({ guest, backEnd, startBackEnd }: Scene): Promise<void> {
  await guest.run(writeNote('before the restart'));
  await backEnd.stop();
  const note = guest.run(readNote);
  await startBackEnd();
  expect(await note).toBe('before the restart\n');
}

/** The files of qemu-configs that a QEMU takes, started as they stand, and those that it doesn't. */
export function describeQemuConfigs(
  version: QemuVersion,
  accepted: QemuConfig[],
  refused: QemuConfig[],
): void {
  describe(`the configurations for QEMU ${version}`, () => {
    const rig = useRig();
    afterEach(() => rig.clear());

    const startGuest = (config: QemuConfig) => {
      const disk = ['-readconfig', `${configDirectory}/${config}`];
      return rig.qemu({ version, disk, runDirectory: rig.directory });
    };

    it.each(accepted)('give the guest the disk that %s describes', async (config) => {
      const file = await rig.image('disk.img', 64 * 1024 ** 2);
      const readOnly = config === 'read-only.cfg';
      const startBackEnd = () => rig.backEnd({ socketPath: rig.path('disk.sock'), file, readOnly });
      const backEnd = await startBackEnd();
      const guest = await startGuest(config);
      await guest.booted();
      await checks[config]({ guest, backEnd, startBackEnd });
    });

    it.each(refused)('leave %s to others', async (config) => {
      await expect(startGuest(config)).rejects.toThrow(/Invalid parameter 'reconnect(-ms)?'/);
    });
  });
}
