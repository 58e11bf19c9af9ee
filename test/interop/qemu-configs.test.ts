/** Each file of qemu-configs, started as it stands. */
import { describe, expect, it } from 'vitest';
import { checkout } from '../support/images.js';
import { useRig } from '../support/rig.js';

const path = (name: string) => `${checkout}qemu-configs/${name}`;

describe.each([
  { version: '7.2', reconnect: 'reconnect.cfg', unknown: 'reconnect-ms.cfg' },
  { version: '10', reconnect: 'reconnect.cfg', unknown: undefined },
  { version: '10', reconnect: 'reconnect-ms.cfg', unknown: undefined },
] as const)('with QEMU $version and $reconnect', ({ version, reconnect, unknown }) => {
  const rig = useRig();

  /** A back end and a guest that is up. */
  const start = async (config: string, readOnly = false) => {
    const file = await rig.image(`${config}.img`, 64 * 1024 ** 2);
    const options = { socketPath: rig.path('disk.sock'), file, readOnly };
    const disk = ['-readconfig', path(config)];
    const backEnd = await rig.backEnd(options);
    const guest = await rig.qemu({ version, disk, runDirectory: rig.directory });
    await guest.booted();
    return { backEnd, guest, restart: () => rig.backEnd(options) };
  };
});
