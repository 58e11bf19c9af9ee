// Runs in a lab machine: node repair-program.mjs MAP OTHER COUNT, OTHER being the name of another
// host's disk. Repairs a path of the map COUNT times, with the paths and the transports of holdfast
// serve, and another host's PREEMPT before one step of the repair: each step in its turn. Prints a line
// of JSON for each repair.
import { mkdtempSync } from 'node:fs';

import {
  insist,
  openDisk,
  openGate,
  openReservations,
  register,
  WatchedPaths,
} from './map-reservations.mjs';

const [, , map, otherName, count] = process.argv;
const guestKey = 0xa1n;
const otherKey = 0xf1n;
const wero = { scope: 'logical-unit', type: 'write-exclusive-registrants-only' };
const takeOver = {
  action: 'register-and-ignore-existing-key',
  aptpl: false,
  allTgPt: false,
  specIPt: undefined,
};

/** What stands before the nth step that is sent while it is armed. */
class Injection {
  steps = 0;
  done = false;
  #at = Infinity;
  #action;

  arm(at, action) {
    Object.assign(this, { steps: 0, done: false });
    this.#at = at;
    this.#action = action;
  }

  async step() {
    const number = this.steps++;
    if (this.done || number < this.#at) return;
    this.done = true;
    await this.#action();
  }
}

const other = await openDisk(otherName);
const keysNow = async () => (await insist(other, { action: 'read-keys' })).data.keys;

const injection = new Injection();
const gate = openGate();
/** Moments at which the guest, fenced, could have written. */
let writable = 0;
const { paths, reservations, execute } = await openReservations({
  map,
  journalFolder: mkdtempSync('/tmp/journal-'),
  gate,
  wrapPaths: (source) =>
    new WatchedPaths(source, async (_, execute) => {
      await injection.step();
      const outcome = await execute();
      if (injection.done && gate.isOpen && (await keysNow()).includes(guestKey)) writable++;
      return outcome;
    }),
});

/** The other host reserves for registrants, the guest is one; then a path of its loses the key. */
async function prepare(lostIndex) {
  await insist(other, { ...takeOver, serviceActionKey: otherKey });
  await insist(other, { action: 'clear', prkey: otherKey });
  await insist(other, { ...takeOver, serviceActionKey: otherKey });
  await insist(other, { action: 'reserve', prkey: otherKey, ...wero });
  await reservations.audit();
  const { status } = await execute(register(0n, guestKey));
  if (status !== 'good') throw new Error(`the guest's REGISTER: ${status}`);
  const lost = paths.paths()[lostIndex];
  await insist(lost.transport, register(guestKey, 0n));
}

/** A repair with a PREEMPT before step `at`. */
async function repair(round, at) {
  await prepare(round % paths.paths().length);
  writable = 0;
  injection.arm(at, () =>
    insist(other, { action: 'preempt', prkey: otherKey, serviceActionKey: guestKey, ...wero }),
  );
  // What is still to be judged is judged in a turn of its own.
  await reservations.audit();
  const { steps, done } = injection;
  await reservations.audit();
  const keys = (await keysNow()).map((key) => key.toString(16));
  injection.arm(Infinity, () => undefined);
  return { at, steps, preempted: done, keys, writable, open: gate.isOpen };
}

// Without a PREEMPT: that is how many steps there are.
const { steps, keys } = await repair(0, Infinity);
console.log(JSON.stringify({ steps, keys }));
for (let round = 0; round < Number(count); round++) {
  console.log(JSON.stringify(await repair(round, round % steps)));
}
process.exit(0);
