// Runs in a lab machine, as whatever user: opens the paths of disks by a kind of transport, and runs
// steps on them one after the other. Prints one line of JSON for each disk, then for each step.
// A step that waits for a file says that it does by FILE.awaited.
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const [, , text] = process.argv;
const { disks, steps } = JSON.parse(text, (name, value) =>
  /^(prkey|serviceActionKey)$/.test(name) ? BigInt(value) : value,
);
const dist = '/opt/holdfast/dist';
const { loadAddon } = await import(`${dist}/native/addon.js`);
const { Sysfs } = await import(`${dist}/multipath/sysfs.js`);
const { readScsiPath } = await import(`${dist}/multipath/scsi-path.js`);
const { readNvmePath } = await import(`${dist}/multipath/nvme-path.js`);
const { pathNode } = await import(`${dist}/multipath/path-node.js`);
const { openTransport } = await import(`${dist}/transports/open-transport.js`);

function print(value) {
  const line = JSON.stringify(value, (_, part) =>
    typeof part === 'bigint' ? `0x${part.toString(16)}` : part,
  );
  process.stdout.write(`${line}\n`);
}

const addon = loadAddon();
const sysfs = new Sysfs();
const transports = [];
for (const { name, kind, helperSocket } of disks) {
  const facts = readScsiPath(sysfs, name) ?? readNvmePath(sysfs, name);
  const options = { deadline: performance.now() + 5000, kind, helperSocket };
  const opened = await openTransport(addon, pathNode(facts, facts.wwid), options);
  transports.push(opened.transport);
  print({ ...opened.report, limits: opened.transport?.limits });
}

const returned = [];

async function run({ disk, action, command, file, withinMs = 10_000 }) {
  if (action === 'settle') return await returned[disk];
  if (action === 'await-file') {
    writeFileSync(`${file}.awaited`, '');
    while (!existsSync(file)) await pause(20);
    return file;
  }
  const deadline = performance.now() + withinMs;
  if (action === 'identify') return await transports[disk].identify(deadline);
  const outcome =
    action === 'probe'
      ? await transports[disk].probe(deadline)
      : await transports[disk].execute(command, deadline);
  if (outcome.kind === 'unsettled') returned[disk] = outcome.returned;
  return outcome;
}

for (const step of steps) print(await run(step));
for (const transport of transports) await transport?.close();
