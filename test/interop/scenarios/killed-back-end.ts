import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FrozenDisk } from '../../support/frozen-disk.js';
import { type GuestProcess } from '../../support/guest-process.js';
import { rounds } from '../../lab/support/rounds.js';
import { checkout } from '../../support/images.js';
import {
  type QemuVersion,
  reconnectOption,
  vhostUserBlk,
  vhostUserScsi,
} from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';
import { ServeProcess } from '../../support/serve-process.js';

/** How often each guest's back end is killed. */
const kills = rounds(100);
const minute = 60_000;
const writers = 32;
const blocksOfEach = 32;

const kinds = {
  blk: { disk: '/dev/vda', argumentsOf: vhostUserBlk },
  scsi: { disk: '/dev/sda', argumentsOf: vhostUserScsi },
} as const;

/** When a back end is killed. */
export type Moment = 'running' | 'connecting' | 'stuck';

export interface KillOptions {
  device: keyof typeof kinds;
  packed: boolean;
  /** Taken in turn. */
  moments: readonly Moment[];
}

/** What verified-writer.py reports. */
interface Report {
  written: number;
  read: number;
  wrong: [block: number, expected: number, found: number][];
  errors: number[];
}

/** Writes and reads in the guest that check each other, until the load is stopped. */
class VerifiedLoad {
  readonly #guest: GuestProcess;

  private constructor(guest: GuestProcess) {
    this.#guest = guest;
  }

  static async start(guest: GuestProcess, disk: string): Promise<VerifiedLoad> {
    const program = await readFile(`${checkout}test/interop/guest/verified-writer.py`, 'utf8');
    await guest.run(`cat >/run/writer.py <<'END'\n${program}\nEND`);
    // Neighbouring writes of two writers would be merged, and count as one.
    await guest.run(`
      until [ -b ${disk} ]; do usleep 10000; done
      echo 2 >/sys/block/${basename(disk)}/queue/nomerges
      python3 /run/writer.py ${disk} ${writers} ${blocksOfEach} >/run/log 2>&1 &`);
    return new VerifiedLoad(guest);
  }

  /** Resolves when as many more requests have ended as there can be in flight. */
  async goesOn(): Promise<void> {
    await this.#guest.run(
      `until [ -s /run/progress ]; do usleep 10000; done
       enough=$(($(cat /run/progress) + ${2 * writers}))
       until [ $(cat /run/progress) -gt $enough ] || [ -e /run/report ]; do usleep 10000; done`,
      5 * minute,
    );
  }

  async stop(): Promise<Report> {
    const json = await this.#guest.run(
      'touch /run/stop; until [ -e /run/report ]; do usleep 10000; done; cat /run/report',
      5 * minute,
    );
    return JSON.parse(json) as Report;
  }
}

/** A guest at work whose back end is killed and started again, over and over. */
export function describeKilledBackEnds(version: QemuVersion, options: KillOptions): void {
  const { device, packed, moments } = options;
  const { disk, argumentsOf } = kinds[device];
  const layout = packed ? 'packed' : 'split';

  describe(`the back end of a ${device} disk of QEMU ${version}, ${layout} rings`, () => {
    const rig = useRig();
    const timeout = 10 * minute + kills * minute;

    it(`is killed ${kills} times and loses, tears and repeats nothing`, { timeout }, async () => {
      const frozen = await FrozenDisk.make();
      onTestFinished(() => rig.clear());
      const socketPath = rig.path('disk.sock');
      const args = ['--socket-path', socketPath, '--blk-file', frozen.device, '--device', device];
      let server = await ServeProcess.serving({ args });
      const guest = await rig.qemu({
        version,
        software: 'cluster',
        disk: argumentsOf(socketPath, { packed, reconnect: reconnectOption(version) }),
      });
      await guest.booted();
      const load = await VerifiedLoad.start(guest, disk);

      const restart = {
        running: async () => {
          await load.goesOn();
          await delay(Math.random() * 300);
          server.signal('SIGKILL');
          return ServeProcess.serving({ args });
        },
        connecting: async () => {
          await load.goesOn();
          server.signal('SIGKILL');
          const next = await ServeProcess.serving({ args });
          await next.logged('front end connected');
          await delay(Math.random() * 30);
          next.signal('SIGKILL');
          return ServeProcess.serving({ args });
        },
        stuck: async () => {
          await load.goesOn();
          await frozen.freeze();
          await frozen.inFlightUntil(({ reads, writes }) => reads > 0 && writes > writers / 4);
          server.signal('SIGKILL');
          const next = new ServeProcess({ args });
          await next.logged('waiting for ');
          await frozen.thaw();
          await next.logged('serving');
          return next;
        },
      };
      for (let round = 0; round < kills; round += 1) {
        const moment = moments[round % moments.length] ?? 'running';
        server = await restart[moment]();
      }
      await load.goesOn();
      const report = await load.stop();
      console.log(`${device}, ${layout}, QEMU ${version}, ${kills} kills:`, report);
      expect(report).toMatchObject({ wrong: [], errors: [] });
      expect(report.written).toBeGreaterThan(writers * kills);
    });
  });
}
