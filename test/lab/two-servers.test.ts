/** Two hosts that serve one logical unit with its own reservations, each to a guest. */
import { expect, test } from 'vitest';

import { type LabGuest } from './support/lab-guest.js';
import { labSetups } from './support/lab-setup.js';
import { keysOf, targetView } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { bootServedGuest, conflict, guestDisk, persist } from './support/served-guest.js';
import { describeOnKernels } from './support/use-lab.js';

/** Of all rounds, milliseconds. */
const longest = 40 * 60_000;

const area = 'bs=256k count=8';
const areaOnDisk = `of=${guestDisk} ${area} seek=4 oflag=direct`;

// Writes ever higher numbers to the first block, and an area behind it all the time, until it can't.
const writer = `
  while dd if=/dev/zero ${areaOnDisk} 2>/run/area.err; do :; done &
  number=0
  while printf '%-4096d' $number | dd of=${guestDisk} bs=4096 count=1 iflag=fullblock oflag=direct
  do number=$((number + 1)); done
  wait
  cat /run/area.err
  dmesg | tail -n 3`;

const firstBlock = 'dd if=$map bs=4096 count=1 iflag=direct 2>/dev/null | tr -d " "';
const strangers = `dd if=$map ${area} skip=4 iflag=direct 2>/dev/null | tr -d K | wc -c`;

/** @returns milliseconds from the command to its answer, by the guest's clock */
async function preemptAndAbort(guest: LabGuest, key: string, victim: string): Promise<number> {
  const output = await guest.run(`
    now() { read -r seconds _ </proc/uptime; echo "$seconds"; }
    sg_turs ${guestDisk}
    start=$(now)
    sg_persist -n --out --preempt-abort --param-rk=${key} --param-sark=${victim} --prout-type=5 \\
      ${guestDisk} 2>&1
    echo "$start $(now)"`);
  const [, start = 0, end = 0] = (/([\d.]+) ([\d.]+)\n$/.exec(output) ?? []).map(Number);
  return Math.round((end - start) * 1000);
}

/** What the fenced node wrote is overwritten: a block of its that lands now would show. */
async function overwrite(guest: LabGuest): Promise<void> {
  await guest.run(`
    printf '%-4096s' fenced | dd of=${guestDisk} bs=4096 count=1 iflag=fullblock oflag=direct
    head -c 2097152 /dev/zero | tr '\\0' K | dd ${areaOnDisk} iflag=fullblock`);
}

describeOnKernels(
  'two servers on two hosts',
  labSetups['two-hosts'],
  (lab) => {
    test(
      "PREEMPT AND ABORT ends the other host's writes, and nothing of them lands",
      async () => {
        const { host, peer } = lab;
        // The one that fences comes over iSCSI: by tcm_loop the kernel's target would hang, see README.md.
        const victim = await bootServedGuest(host);
        const guest = await bootServedGuest(peer, { initiator: 'iqn.2026-11.org.example:node2' });
        await persist(guest, '--out --register --param-sark=a1');
        await persist(guest, '--out --reserve --param-rk=a1 --prout-type=5');

        const times: number[] = [];
        for (let round = 0; round < rounds(20, 2); round += 1) {
          await persist(victim, '--out --register --param-sark=b1');
          expect(keysOf(await targetView(host, '/dev/lab/path1-sg'))).toEqual(
            ['a1', 'a1', 'b1', 'b1'], // two paths each
          );
          const writes = victim.run(writer);
          await peer.run(`wait_for '[ "$(${firstBlock})" -ge 3 ]'`);
          times.push(await preemptAndAbort(guest, 'a1', 'b1'));
          await overwrite(guest);

          const told = await writes;
          expect(told.match(new RegExp(conflict, 'g')), 'both writers').toHaveLength(2);
          expect(told).toContain('reservation conflict');
          expect(await peer.run(firstBlock)).toBe('fenced');
          expect(await peer.run(strangers)).toBe('0\n');
          expect(keysOf(await targetView(host, '/dev/lab/path1-sg'))).toEqual(['a1', 'a1']);
        }
        console.log(
          `PREEMPT AND ABORT, ms to the answer in ${times.length} rounds: ${times.join(' ')}`,
        );
      },
      longest,
    );
  },
  ['6.12'],
);
