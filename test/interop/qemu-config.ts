import { expect } from 'vitest';
import { type BackEnd } from '../support/back-end.js';
import { checkout } from '../support/images.js';
import { type QemuGuest, type QemuVersion } from '../support/qemu-guest.js';
import { type Rig } from '../support/rig.js';
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
export type QemuConfig = keyof typeof checks;

async function survivesRestart({ guest, backEnd, startBackEnd }: Scene): Promise<void> {
  await guest.run(writeNote('before the restart'));
  await backEnd.stop();
  const note = guest.run(readNote);
  await startBackEnd();
  expect(await note).toBe('before the restart\n');
}

/** Starts QEMU with a file of qemu-configs as it stands and looks at the disk from inside. */
export async function checkConfig(
  rig: Rig,
  version: QemuVersion,
  config: QemuConfig,
): Promise<void> {
  const file = await rig.image('disk.img', 64 * 1024 ** 2);
  const readOnly = config === 'read-only.cfg';
  const startBackEnd = () => rig.backEnd({ socketPath: rig.path('disk.sock'), file, readOnly });
  const backEnd = await startBackEnd();
  const guest = await startWithConfig(rig, version, config);
  await guest.booted();
  await checks[config]({ guest, backEnd, startBackEnd });
  await guest.kill();
}

/** Rejects with QEMU's own words if it does not take the file. */
export function startWithConfig(
  rig: Rig,
  version: QemuVersion,
  config: QemuConfig,
): Promise<QemuGuest> {
  const disk = ['-readconfig', `${configDirectory}/${config}`];
  return rig.qemu({ version, disk, runDirectory: rig.directory });
}
