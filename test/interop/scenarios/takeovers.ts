import { describe, expect, it } from 'vitest';
import { rounds } from '../../support/rounds.js';
import { type GuestProcess } from '../../support/guest-process.js';
import { type QemuVersion, vhostUserBlk, vhostUserScsi } from '../../support/qemu-guest.js';
import { type Rig, useRig } from '../../support/rig.js';
import { ServeProcess } from '../../support/serve-process.js';
import { VerifiedLoad, writers } from './verified-load.js';

/** How often one process takes over from another. */
const takeovers = rounds(20);
const minute = 60_000;
const mib = 2 ** 20;

const kinds = {
  blk: { disk: '/dev/vda', argumentsOf: vhostUserBlk },
  scsi: { disk: '/dev/sda', argumentsOf: vhostUserScsi },
} as const;

export interface TakeoverOptions {
  device: keyof typeof kinds;
  guest: 'user-mode Linux' | QemuVersion;
  packed?: boolean;
}

/** A guest at work while one process after another goes on serving its disk. */
export function describeTakeovers({ device, guest: kind, packed = false }: TakeoverOptions): void {
  const { disk, argumentsOf } = kinds[device];
  const isUml = kind === 'user-mode Linux';
  const name = isUml ? kind : `QEMU ${kind}`;

  describe(`the ${packed ? 'packed ' : ''}${device} disk of a guest of ${name}`, () => {
    const rig = useRig();
    const timeout = 10 * minute + takeovers * minute;

    it(
      `is taken over ${takeovers} times, and the guest sees a pause`,
      { timeout },
      async ({ skip }) => {
        const obstacle = isUml ? await rig.umlObstacle() : '';
        if (obstacle !== '') skip(obstacle);
        const socketPath = rig.path('disk.sock');
        const args = [
          ...['--socket-path', socketPath, '--control-socket', rig.path('control.sock')],
          ...['--blk-file', await rig.image('disk.img', 64 * mib), '--device', device],
          // QEMU warns of a config space that it has itself.
          ...(isUml && device === 'scsi' ? ['--scsi-config'] : []),
        ];
        let server = await ServeProcess.serving({ args });
        const guest = await started(rig, isUml ? undefined : kind, {
          socketPath,
          device,
          disk: argumentsOf(socketPath, { packed }),
        });
        await guest.booted();
        const load = await VerifiedLoad.start(guest, disk);
        await load.goesOn();
        await guest.run('dmesg -c >/dev/null');
        const pauses: number[] = [];
        for (let round = 0; round < takeovers; round += 1) {
          await load.goesOn();
          const next = await ServeProcess.serving({ args: [...args, '--takeover'] });
          expect(await server.exit()).toBe(0);
          pauses.push(Number((await server.logged('has taken over')).pauseMilliseconds));
          server = next;
        }
        await load.goesOn();
        const report = await load.stop();
        const longest = `longest pause ${Math.max(...pauses)} ms`;
        console.log(`${device}, ${name}, ${takeovers} takeovers, ${longest}:`, report);
        expect(report).toMatchObject({ wrong: [], errors: [] });
        expect(report.written).toBeGreaterThan(writers * takeovers);
        // What a guest's kernel says of a disk that failed, was reset or came anew.
        const complaints = await guest.run(
          "dmesg | grep -iE 'i/o error|timing out|reset|offline|attention' || true",
        );
        expect(complaints).toBe('');
        await guest.powerOff();
      },
    );
  });
}

interface Disk {
  socketPath: string;
  device: keyof typeof kinds;
  disk: string[];
}

async function started(
  rig: Rig,
  version: QemuVersion | undefined,
  { socketPath, device, disk }: Disk,
): Promise<GuestProcess> {
  const software = 'cluster';
  if (version === undefined) return rig.uml({ disk: { socketPath, device }, software });
  return rig.qemu({ version, disk, software });
}
