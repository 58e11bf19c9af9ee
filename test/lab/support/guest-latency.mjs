// Runs in a lab machine: node guest-latency.mjs SOCKET ROUNDS. A guest changes its key again and again;
// prints how many milliseconds each REGISTER took, a JSON array.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const [, , socket, rounds] = process.argv;
const program = '/opt/holdfast/build/release/holdfast-initiator';
const lun0 = '0100400000000000';
const good = '0';
const checkCondition = '2';
const busy = '8';

const guest = spawn(program, ['scsi', socket], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface(guest.stdout);
await once(lines, 'line'); // ready

/** @returns the SCSI status */
async function command(cdb, dataOut) {
  guest.stdin.write(`1 cmd ${lun0} ${cdb} 0 ${dataOut}\n`);
  const [line] = await once(lines, 'line');
  return line.split(' ')[2];
}

async function register(key, newKey) {
  const parameters = Buffer.alloc(24);
  parameters.writeBigUInt64BE(key, 0);
  parameters.writeBigUInt64BE(newKey, 8);
  return command('5f000000000000001800', parameters.toString('hex'));
}

/** Again while it is BUSY or tells of a unit attention. */
async function insist(ask) {
  let status;
  do status = await ask();
  while (status === busy || status === checkCondition);
  if (status !== good) throw new Error(`status ${status}`);
}

await insist(() => command('000000000000', '-'));
await insist(() => register(0n, 0xa1n));
const taken = [];
for (let round = 0; round < Number(rounds); round++) {
  const [key, next] = round % 2 === 0 ? [0xa1n, 0xa2n] : [0xa2n, 0xa1n];
  const start = performance.now();
  const status = await register(key, next);
  taken.push(performance.now() - start);
  if (status !== good) throw new Error(`REGISTER: status ${status}`);
}
await insist(() => register(rounds % 2 === 0 ? 0xa1n : 0xa2n, 0n));
console.log(JSON.stringify(taken));
guest.kill();
