// node examples/take-over.mjs DEVICE KEY [SOCKET]
//
// Fences everybody else from a shared disk: registers KEY on all of its paths, takes the reservation
// and removes other keys. With SOCKET through `holdfast prd`, else through this host's own paths.
import { formatKey, openDevice, openThroughDaemon } from 'holdfast/pr';

const [, , device, text, socket] = process.argv;
const key = BigInt(text);
const type = 'write-exclusive-registrants-only';

const disk = socket ? await openThroughDaemon(socket, device) : await openDevice(device);
try {
  must('register', await disk.registerAndIgnore(key));
  const { registrations } = must('read', await disk.readFullStatus());
  const others = new Set(registrations.map((one) => one.key).filter((other) => other !== key));
  for (const other of others) {
    must('preempt', await disk.preempt(key, other, type, { abort: true }));
    console.log(`fenced ${formatKey(other)}`);
  }
  must('reserve', await disk.reserve(key, type));
  console.log(`${device} is reserved with ${formatKey(key)}`);
} finally {
  await disk.close();
}

function must(what, outcome) {
  if (outcome.status !== 'good') throw new Error(`${what}: ${JSON.stringify(outcome)}`);
  return outcome.data;
}
