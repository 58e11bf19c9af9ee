import { mkdir, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type BackEnd } from '../../support/back-end.js';
import { checkout } from '../../support/images.js';
import { heldByBoth, lockTrace, traced } from '../../support/lock-trace.js';
import { cancelMigration, copyGuest, expectGuest, switchGuest } from '../../support/migration.js';
import {
  type QemuGuest,
  type QemuVersion,
  vhostUserBlk,
  vhostUserScsi,
} from '../../support/qemu-guest.js';
import { holdfastPr } from '../../support/holdfast-pr.js';
import { useRig } from '../../support/rig.js';

const guestName = 'iqn.2026-11.org.example:moving';
const otherName = 'iqn.2026-11.org.example:other';
const blocks = 8192;
const writers = 8;

/** What verified-load.py reports. */
interface Report {
  written: number;
  verified: number;
  errors: string[];
}

/** A server that the guest moves to and from. */
interface Host {
  backEnd: BackEnd;
  socketPath: string;
  controlPath: string;
  /** A folder with what strace saw. */
  tracePath: string;
}

export interface MigrationRounds {
  rounds: number;
  /** The nth of these many is cancelled when all has been copied and the guest has stopped. */
  cancelledOf: number;
}

/** A guest that moves between two QEMUs, each with a server of its own, of one image. */
export function describeMigration(
  version: QemuVersion,
  device: 'blk' | 'scsi',
  { rounds, cancelledOf }: MigrationRounds,
): void {
  describe(`live migration between two QEMUs ${version}, ${device}`, () => {
    const rig = useRig();
    const disk = device === 'blk' ? '/dev/vda' : '/dev/sda';
    let hosts: [Host, Host];
    let guest: QemuGuest;

    async function serve(name: string, image: string, ...more: string[]): Promise<Host> {
      const [socketPath, controlPath] = [rig.path(`${name}.sock`), rig.path(`${name}.control`)];
      const tracePath = rig.path(`${name}.trace`);
      await mkdir(tracePath);
      const backEnd = await rig.backEnd({
        socketPath,
        file: image,
        wrapper: traced(tracePath),
        more: [
          ...['--device', device, '--initiator-name', guestName],
          ...['--control-socket', controlPath, ...more],
        ],
      });
      return { backEnd, socketPath, controlPath, tracePath };
    }

    function start({ socketPath }: Host, incoming: boolean): Promise<QemuGuest> {
      const attached = device === 'blk' ? vhostUserBlk(socketPath) : vhostUserScsi(socketPath);
      return rig.qemu({ version, incoming, software: 'cluster', disk: attached });
    }

    beforeAll(async () => {
      const image = await rig.image('disk.img', blocks * 4096);
      hosts = [await serve('a', image), await serve('b', image, '--incoming')];
      guest = await start(hosts[0], false);
      await guest.booted();
      await guest.run(`until [ -b ${disk} ]; do usleep 10000; done`);
      if (device === 'scsi') {
        await guest.run(`
          sg_turs ${disk} >/dev/null
          sg_persist -n -o -I -S 1 ${disk} && sg_persist -n -o -R -T 5 -K 1 ${disk}`);
      }
      const load = await readFile(`${checkout}test/interop/guest/verified-load.py`, 'utf8');
      await guest.run(`cat >/run/load.py <<'END'\n${load}\nEND`);
      await guest.run(`
        python3 /run/load.py ${disk} ${blocks} ${writers} >/run/log 2>&1 &
        until [ -e /run/loading ]; do usleep 1000; done`);
    });

    it(`${rounds} times under verified writes, every ${cancelledOf}th cancelled`, async () => {
      const pauses: number[] = [];
      for (let round = 1; round <= rounds; round++) {
        const [from, to] = hosts;
        const logged = [from.backEnd.log.length, to.backEnd.log.length] as const;
        const next = await start(to, true);
        const path = rig.path(`migration-${round}.sock`);
        await expectGuest(next, path);
        await copyGuest(guest, path);
        await from.backEnd.logged('disks handed over', logged[0]);
        const stopped = Date.now();
        if (round % cancelledOf === 0) {
          await cancelMigration(guest, next);
          await from.backEnd.logged('disks taken over', logged[0]);
        } else {
          await switchGuest(guest, next);
          await to.backEnd.logged('disks taken over', logged[1]);
          guest = next;
          hosts = [to, from];
        }
        await guest.run('[ ! -e /run/loaded ]');
        pauses.push(Date.now() - stopped);
      }
      console.log(
        `QEMU ${version}, ${device}: ${Math.max(...pauses)} ms at most from a stop to the guest's first answer`,
      );
    });

    it('loses no write, and repeats none', async () => {
      const json = await guest.run(`
        touch /run/stop
        until [ -e /run/loaded ]; do usleep 10000; done
        cat /run/loaded`);
      const report = JSON.parse(json) as Report;
      console.log(`QEMU ${version}, ${device}:`, report);
      expect(report.errors).toEqual([]);
      expect(report.written).toBeGreaterThan(8 * writers);
      expect(report.verified).toBeGreaterThan(report.written / 2);
      expect(await guest.run('dmesg | grep -ciE "i/o error|reset" || true')).toBe('0\n');
    });

    // A stock guest of a blk disk can't reserve it.
    if (device === 'scsi') {
      it('keeps a held reservation that still fences', async () => {
        const { controlPath } = hosts[0];
        const write = `dd if=/dev/zero of=${disk} bs=4k count=1 oflag=direct`;
        await guest.run(write);
        const pr = (...args: string[]) => holdfastPr(controlPath, ...args, '--as', otherName);
        expect(await pr('keys')).toContain('0x1');
        await pr('register', '--new-key', '2');
        const type = ['--type', 'write-exclusive-registrants-only'];
        await pr('preempt', '--key', '2', '--victim-key', '1', ...type);
        await expect(guest.run(`sg_turs ${disk}; ${write}`)).rejects.toThrow('Invalid exchange');
      });
    }

    it('never has two writers, as a trace of the lock shows', async () => {
      for (const { backEnd } of hosts) await backEnd.stop();
      const [one, other] = hosts.map(({ tracePath }) => lockTrace(tracePath).held);
      if (one === undefined || other === undefined) throw new Error('no traces');
      expect(one.length + other.length).toBeGreaterThan(rounds);
      expect(heldByBoth(one, other)).toEqual([]);
      const inOrder = [...one, ...other].sort((a, b) => a.from - b.from);
      const gaps = inOrder.slice(1).map(({ from }, at) => from - (inOrder[at]?.until ?? 0));
      const shortest = (Math.min(...gaps) * 1000).toFixed(1);
      console.log(
        `QEMU ${version}, ${device}: held ${inOrder.length} times, at least ${shortest} ms between`,
      );
    });
  });
}
