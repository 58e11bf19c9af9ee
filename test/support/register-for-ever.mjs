// node register-for-ever.mjs STATE-FILE
//
// Prints the generation that the file has at power on, then registers and clears with APTPL without
// end, and prints each new generation when its command was answered. Which command makes
// generation N+1 out of N depends on N alone, so the generation tells the whole state.
import { writeSync } from 'node:fs';
import { EmulatedReservations } from '../../dist/emulated/emulated-reservations.js';
import { FileStateStore } from '../../dist/emulated/file-state-store.js';
import { guestNexus } from '../../dist/pr/nexus.js';

const [, , path] = process.argv;

function fail(error) {
  throw error;
}

const disk = await EmulatedReservations.open({
  store: new FileStateStore(path),
  fence: { set: () => undefined, drained: () => Promise.resolve(true) },
  timeoutMs: 60_000,
  depth: 1,
  onFault: fail,
  onStoreFailure: fail,
});

function nexusAt(generation) {
  return guestNexus(`iqn.2026-01.test.cluster:n${generation % 5}`);
}

async function execute(nexus, command) {
  const outcome = await disk.execute(nexus, command);
  if (outcome.status !== 'good') throw new Error(`${command.action}: ${JSON.stringify(outcome)}`);
  return outcome.data;
}

function step(generation) {
  if (generation % 9 === 8) {
    return execute(nexusAt(generation - 1), { action: 'clear', prkey: BigInt(generation) });
  }
  return execute(nexusAt(generation), {
    action: 'register-and-ignore-existing-key',
    serviceActionKey: BigInt(generation + 1),
    aptpl: true,
    allTgPt: false,
  });
}

let { generation } = await execute(nexusAt(0), { action: 'read-keys' });
for (;;) {
  writeSync(1, `${generation}\n`);
  await step(generation);
  generation += 1;
}
