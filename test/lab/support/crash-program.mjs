// Runs in a lab machine: node crash-program.mjs MAP FOLDER RUN. Sends a guest's commands through the
// reservations of the map, whose journal is in the folder. RUN is JSON:
//   prepared  commands that must be answered GOOD
//   command   the one after them, if any; sent again if the answer is that it may have been executed
//   kill      { save, moment }: the process ends by SIGKILL `before` or `after` the journal is written
//             that many times since `prepared`
// Prints as JSON the command's answers, and whether the guest's data may pass.
import { openGate, openReservations } from './map-reservations.mjs';

const [, , map, journalFolder, text] = process.argv;
const { prepared, command, kill } = JSON.parse(text, (name, value) => {
  if (/^(prkey|serviceActionKey)$/.test(name)) return BigInt(value);
  // As the CDB's decoder makes it: the journal's command is compared with the one sent again.
  return value.action === 'register' ? { ...value, specIPt: undefined } : value;
});
/** LOGICAL UNIT COMMUNICATION TIME-OUT */
const maybeExecuted = 'b/8/1';
let saves = 0;
let isArmed = false;

function wrapJournal(journal) {
  return {
    load: () => journal.load(),
    save: async (entry) => {
      if (isArmed) saves += 1;
      const isThis = saves === kill?.save;
      if (isThis && kill.moment === 'before') process.kill(process.pid, 'SIGKILL');
      await journal.save(entry);
      if (isThis) process.kill(process.pid, 'SIGKILL');
    },
  };
}

function answerOf({ status, sense }) {
  if (sense === undefined) return status;
  return [sense.senseKey, sense.asc, sense.ascq].map((part) => part.toString(16)).join('/');
}

const gate = openGate();
const { execute, reservations } = await openReservations({ map, journalFolder, gate, wrapJournal });
for (const each of prepared) {
  const { status } = await execute(each);
  if (status !== 'good') throw new Error(`${each.action}: ${status}`);
}
await reservations.audit();
isArmed = true;
const answers = [];
if (command !== undefined) {
  answers.push(answerOf(await execute(command)));
  if (answers[0] === maybeExecuted) answers.push(answerOf(await execute(command)));
}
await reservations.audit();
console.log(JSON.stringify({ answers, isOpen: gate.isOpen }));
process.exit(0);
