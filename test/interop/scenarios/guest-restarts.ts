import { beforeAll, describe, expect, it } from 'vitest';
import { type BackEnd } from '../../support/back-end.js';
import { processFigures, type ProcessFigures } from '../../support/process-figures.js';
import { type QemuGuest, type QemuVersion, vhostUserBlk } from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';
import { readNote, startLoad, writeNote } from './busy-disk.js';

/** A guest with a queue for each processor that is reset or reboots while its disk is at work. */
export function describeGuestRestarts(version: QemuVersion, cpus: number, restarts = 20): void {
  describe(`a guest of QEMU ${version} with ${cpus} queues that starts again`, () => {
    const rig = useRig();
    let backEnd: BackEnd;
    let guest: QemuGuest;
    let before: ProcessFigures | undefined;

    beforeAll(async () => {
      const file = await rig.image('disk.img', 64 * 1024 ** 2);
      backEnd = await rig.backEnd({ socketPath: rig.path('disk.sock'), file });
      guest = await rig.qemu({
        version,
        cpus,
        disk: vhostUserBlk(rig.path('disk.sock'), { numQueues: cpus }),
      });
      await guest.booted();
    });

    it(`finds its disk after ${restarts} resets and reboots under load`, async () => {
      for (let restart = 1; restart <= restarts; restart += 1) {
        await guest.run(writeNote(`before restart ${restart}`));
        await guest.run(startLoad);
        before ??= processFigures(backEnd.pid);
        if (restart % 2 === 0) await guest.reset();
        else guest.agent.leave('reboot -f');
        await guest.booted(restart + 1);
        expect(await guest.run(readNote)).toBe(`before restart ${restart}\n`);
      }
    });

    it('leaves no trace of its restarts in the back end', async () => {
      await guest.run(startLoad);
      const after = processFigures(backEnd.pid);
      console.log(`QEMU ${version}, ${restarts} restarts:`, before, '->', after);
      expect(after.fds).toBe(before?.fds);
      expect(after.threads).toBe(before?.threads);
      expect(after.anonymousKib).toBeLessThan((before?.anonymousKib ?? 0) + 2048);
    });
  });
}
