/** The files of qemu-configs for QEMU itself, started as they stand. */
import { describe, expect, it } from 'vitest';
import { useRig } from '../support/rig.js';
import { checkConfig, startWithConfig } from './qemu-config.js';

describe.each([
  ['7.2', 'plain.cfg'],
  ['7.2', 'multiqueue.cfg'],
  ['7.2', 'read-only.cfg'],
  ['7.2', 'reconnect.cfg'],
  ['10', 'plain.cfg'],
  ['10', 'multiqueue.cfg'],
  ['10', 'read-only.cfg'],
  ['10', 'reconnect.cfg'],
  ['10', 'reconnect-ms.cfg'],
] as const)('QEMU %s with %s', (version, config) => {
  const rig = useRig();

  it('gives the guest the disk that the file describes', async () => {
    await checkConfig(rig, version, config);
  });
});

describe('QEMU 7.2 with reconnect-ms.cfg', () => {
  const rig = useRig();

  it('refuses the spelling of later versions', async () => {
    await expect(startWithConfig(rig, '7.2', 'reconnect-ms.cfg')).rejects.toThrow(
      "Invalid parameter 'reconnect-ms'",
    );
  });
});
