import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FrozenDisk } from '../../support/frozen-disk.js';
import { rounds } from '../../support/rounds.js';
import {
  type QemuVersion,
  reconnectOption,
  vhostUserBlk,
  vhostUserScsi,
} from '../../support/qemu-guest.js';
import { useRig } from '../../support/rig.js';
import { ServeProcess } from '../../support/serve-process.js';
import { VerifiedLoad, writers } from './verified-load.js';

/** How often each guest's back end is killed. */
const kills = rounds(100);
const minute = 60_000;

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
