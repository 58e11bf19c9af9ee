import { describe, expect, it } from 'vitest';
import { processFigures, type ProcessFigures } from '../../support/process-figures.js';
import { type QemuVersion, vhostUserBlk } from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';
import { readNote, startLoad, writeNote } from './busy-disk.js';

/**
 * QEMUs, of each version in turn, that come and go on one socket and are ended in every way there
 * is while the disk is at work.
 */
export function describeFrontEndRestarts(
  versions: readonly [QemuVersion, ...QemuVersion[]],
  restarts = 20,
): void {
  describe(`a back end whose QEMU ${versions.join(', ')} is restarted`, () => {
    const rig = useRig();

    it(`serves ${restarts} QEMUs one after another and keeps nothing of them`, async () => {
      const socketPath = rig.path('disk.sock');
      const file = await rig.image('disk.img', 64 * 1024 ** 2);
      const backEnd = await rig.backEnd({ socketPath, file });
      let first: ProcessFigures | undefined;

      for (let restart = 0; restart <= restarts; restart += 1) {
        const version = versions[restart % versions.length] ?? versions[0];
        const guest = await rig.qemu({ version, disk: vhostUserBlk(socketPath) });
        await guest.booted();
        if (restart > 0) expect(await guest.run(readNote)).toBe(`restart ${restart - 1}\n`);
        await guest.run(writeNote(`restart ${restart}`));
        await guest.run(startLoad);

        first ??= processFigures(backEnd.pid);
        if (restart === restarts) {
          const last = processFigures(backEnd.pid);
          console.log(`${restarts} restarts of QEMU:`, first, '->', last);
          expect(last.fds).toBe(first.fds);
          expect(last.threads).toBe(first.threads);
          expect(last.anonymousKib).toBeLessThan(first.anonymousKib + 2048);
        }

        if (restart % 3 === 0) await guest.quit();
        else if (restart % 3 === 1) await guest.kill();
        else await guest.powerOff();
      }
      await backEnd.stop();
    });
  });
}
