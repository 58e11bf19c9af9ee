/** A guest's writes that are stuck in the host's kernel, since all portals are silent. */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { asOther, registered, targetState } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { type Answer, ScriptedGuest } from './support/scripted-guest.js';
import { guestKey as key, guestOfMap, serveMap } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

const patience = { timeout: 3_600_000 };
const count = rounds(20, 2);
const blocks = 64;
const silence = 'black_hole 127.0.0.1 127.0.0.2';
/** What the blocks hold: the guest's stale writes, and what is written over them. */
const stale = 0x5a;
const newer = 0xc3;
const refused = /^(conflict|6\/2a\/5)$/;

/** I/O waits as long as no path is left, and does not fail. */
const queueForEver = `
  sed -i 's/no_path_retry .*/no_path_retry queue/' /etc/multipath.conf
  multipathd reconfigure
  wait_for '[ $(ready_paths) = 2 ]'`;

/** Writes that the map's kernel has not got rid of. */
const writesInKernel = `
  wait_for '[ "$(tr -s " " </sys/block/$(basename $(readlink -f $map))/inflight | cut -d" " -f3)" -gt 0 ]'`;

/** The other host's view of the blocks: how many hold that byte all over. */
async function blocksWith(host: LabMachine, fill: number): Promise<number> {
  const output = await host.run(
    `dd if=/dev/lab/other bs=${512 * blocks} count=1 iflag=direct 2>/dev/null | base64 -w0`,
  );
  const data = Buffer.from(output, 'base64');
  const starts = Array.from({ length: blocks }, (_, block) => 512 * block);
  return starts.filter((at) => data.subarray(at, at + 512).equals(Buffer.alloc(512, fill))).length;
}

function fillByOther(host: LabMachine, fill: number): Promise<string> {
  const octal = fill.toString(8).padStart(3, '0');
  return host.run(`head -c ${512 * blocks} /dev/zero | tr '\\000' '\\${octal}' |
    dd of=/dev/lab/other bs=${512 * blocks} iflag=fullblock oflag=direct 2>&1`);
}

async function becomeRegistrant(host: LabMachine, guest: ScriptedGuest): Promise<void> {
  await host.run("wait_for '[ $(ready_paths) = 2 ]'");
  await asOther(host, '--register-ignore --param-sark=f1');
  await asOther(host, `--reserve --param-rk=f1 --prout-type=${type}`);
  if (!(await guest.keys()).includes('a1')) {
    expect(await guest.insist({ action: 'register', newKey: key })).toBe('good');
  }
  await registered(host, 'a1', 2);
}

const fence = (host: LabMachine) =>
  asOther(host, `--preempt --param-rk=f1 --param-sark=a1 --prout-type=${type}`);

/** One to each block, of which none can end before a portal is heard again. */
function stall(guest: ScriptedGuest): Promise<Answer>[] {
  return Array.from({ length: blocks }, (_, lba) =>
    guest.write(lba, stale).catch(() => 'its server is gone'),
  );
}

function tally(answers: readonly Answer[]): string {
  const counts = new Map<Answer, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return [...counts].map(([answer, times]) => `${times} ${answer}`).join(', ');
}

describeOnKernels(
  'writes that are stuck in the kernel',
  labSetups.iscsi,
  (lab) => {
    test(
      '64 of a fenced guest never land, though it registers as soon as paths are back',
      patience,
      async () => {
        const { host } = lab;
        await host.run(queueForEver);
        const guest = await guestOfMap(host);
        const answers: Answer[] = [];
        for (let round = 0; round < count; round += 1) {
          await becomeRegistrant(host, guest);
          await host.run(silence);
          const writes = stall(guest);
          await host.run(writesInKernel);
          // Inside the transport still, or given up by it and queued in the map.
          if (round % 2 === 1) await host.run("wait_for '[ $(ready_paths) = 0 ]'");
          await fence(host);
          await fillByOther(host, newer);
          const again = guest.insist({ action: 'register', newKey: key });
          await host.run('heal');
          expect(await again).toBe('good');
          const ends = await Promise.all(writes);
          answers.push(...ends);
          expect(await blocksWith(host, newer), `round ${round}: ${tally(ends)}`).toBe(blocks);
          expect(ends).not.toContain('good');
          await registered(host, 'a1', 2);
          expect(await guest.write(0, newer)).toBe('good');
        }
        console.log(
          `${count} x ${blocks} stalled writes of a fenced guest that registers at once, none ` +
            `landed: ${tally(answers)}`,
        );
      },
    );

    test('one that the guest aborts never lands over what it writes then', patience, async () => {
      const { host } = lab;
      await host.run(queueForEver);
      const guest = await guestOfMap(host);
      for (let round = 0; round < count; round += 1) {
        await host.run("wait_for '[ $(ready_paths) = 2 ]'");
        await host.run(silence);
        const slow = guest.write(8, stale);
        const aborted = round % 2 === 0 ? guest.abortTaskSet() : guest.resetLogicalUnit();
        await host.run(`${writesInKernel}; heal`);
        await aborted;
        await guest.keys();
        expect(await guest.write(8, newer)).toBe('good');
        await slow;
        await host.run("wait_for '[ $(ready_paths) = 2 ]'");
        expect(await guest.read(8)).toBe(newer);
      }
      console.log(`${count} slow writes aborted and written again: the newer one stands`);
    });

    test('serve is killed, the next waits for them, and a PREEMPT fences', patience, async () => {
      const { host } = lab;
      await host.run(queueForEver);
      let guest = await guestOfMap(host);
      for (let round = 0; round < count; round += 1) {
        await becomeRegistrant(host, guest);
        await host.run(silence);
        const writes = stall(guest);
        await host.run(`${writesInKernel}
          kill -KILL $(cat $logs/serve.pid)
          rm $logs/serve.log`);
        // Before its writes have ended, or after.
        const isFencedEarly = round % 2 === 0;
        if (isFencedEarly) {
          await fence(host);
          await fillByOther(host, newer);
        }
        const next = serveMap(host);
        await host.run('wait_for \'grep -q "still in the kernel" $logs/serve.log\'; heal');
        await next;
        expect(tally(await Promise.all(writes))).toBe(`${blocks} its server is gone`);
        guest = await ScriptedGuest.attach(host);
        if (!isFencedEarly) {
          for (let lba = 0; lba < blocks; lba += 1) {
            expect(await guest.write(lba, newer)).toBe('good');
          }
          await fence(host);
        }
        expect(await guest.write(0, stale)).toMatch(refused);
        expect(await guest.keys()).toEqual(['f1']);
        expect((await targetState(host)).keys).toEqual(['f1']);
        expect(await blocksWith(host, newer)).toBe(blocks);
      }
      console.log(`serve killed ${count} times with ${blocks} stalled writes: none landed late`);
    });
  },
  ['6.12'],
);
