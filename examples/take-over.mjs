// node examples/take-over.mjs DEVICE KEY [SOCKET]
//
// Fences everybody else from a shared disk: registers KEY on all of its paths, takes the reservation
// and removes other keys. With SOCKET through `holdfast prd`, else through this host's own paths.
import { setTimeout as delay } from 'node:timers/promises';
import { formatKey, openDevice, openThroughDaemon } from 'holdfast/pr';

const [, , device, text, socket] = process.argv;
const key = BigInt(text);
const type = 'write-exclusive-registrants-only';

const disk = socket ? await openThroughDaemon(socket, device) : await openDevice(device);
try {
  await must('register', () => disk.registerAndIgnore(key));
  const { registrations } = await must('read', () => disk.readFullStatus());
  const others = new Set(registrations.map((one) => one.key).filter((other) => other !== key));
  for (const other of others) {
    await must('preempt', () => disk.preempt(key, other, type, { abort: true }));
    console.log(`fenced ${formatKey(other)}`);
  }
  await must('reserve', () => disk.reserve(key, type));
  console.log(`${device} is reserved with ${formatKey(key)}`);
} finally {
  await disk.close();
}

async function must(what, ask) {
  let outcome = await ask();
  for (let tries = 1; outcome.status === 'busy' && tries < 30; tries += 1) {
    await delay(1_000); // busy: not executed, paths that come or go are being looked at
    outcome = await ask();
  }
  if (outcome.status !== 'good') throw new Error(`${what}: ${JSON.stringify(outcome)}`);
  return outcome.data;
}
