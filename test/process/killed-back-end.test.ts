/** A back end that is killed while a guest registers, with APTPL. */
import { expect, it } from 'vitest';
import { Initiator } from '../support/initiator.js';
import { keysIn, persistentReserveOut, readKeys } from '../support/persistent-reservations.js';
import { rounds } from '../support/rounds.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const count = rounds(200, 60);
/** Up to 200 starts of a server, on a machine that may have better things to do; milliseconds. */
const timeout = 900_000;

interface Registered {
  generation: number;
  keys: bigint[];
}

/** The first command meets the unit attention of power on. */
async function registeredNow(initiator: Initiator): Promise<Registered> {
  await initiator.execute({ cdb: '00 00 00 00 00 00' });
  const { status, dataIn } = await initiator.execute(readKeys());
  expect(status).toBe(0);
  return { generation: dataIn.readUInt32BE(0), keys: keysIn(dataIn) };
}

/** Registers key after key, the nth as generation n, until nobody answers; tells of each answer. */
async function registerForEver(
  initiator: Initiator,
  from: number,
  onAnswer: (generation: number) => void,
): Promise<void> {
  for (let generation = from + 1; ; generation++) {
    const newKey = BigInt(generation);
    const register = { action: 'registerAndIgnore', newKey, aptpl: true } as const;
    const { status } = await initiator.execute(persistentReserveOut(register));
    expect(status).toBe(0);
    onAnswer(generation);
  }
}

it(`finds every registration again, ${count} times`, { timeout }, async () => {
  const [image, socketPath] = [scratchImage(2 ** 20), scratchSocket()];
  const args = ['--socket-path', socketPath, '--device', 'scsi', '--blk-file', image];
  let answered = 0;
  let [kept, saved] = [0, 0];
  for (let round = 0; round < count; round++) {
    const server = await ServeProcess.serving({ args });
    const initiator = await Initiator.connect(socketPath);
    const { generation, keys } = await registeredNow(initiator);
    expect([answered, answered + 1]).toContain(generation);
    expect(keys).toEqual(generation === 0 ? [] : [BigInt(generation)]);
    if (generation === answered) kept += 1;
    else saved += 1;

    answered = generation;
    const enough = 1 + (round % 4);
    await new Promise<void>((resolve) => {
      const gone = registerForEver(initiator, generation, (now) => {
        answered = now;
        if (now < generation + enough) return;
        // The moment within the next save is left to chance: spins, timers wake in steps of 1 ms.
        const moment = process.hrtime.bigint() + BigInt(Math.floor(Math.random() * 2e6));
        setImmediate(() => {
          while (process.hrtime.bigint() < moment);
          server.signal('SIGKILL');
        });
      });
      gone.catch(() => {
        resolve();
      });
    });
    await server.exit();
  }
  console.log(`${kept} times the state last answered, ${saved} times the one being saved`);
});
