// Runs in a lab machine, as whatever user: opens the paths of disks by a kind of transport, and runs
// steps on them one after the other. Prints one line of JSON for each disk, then for each step.
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

const unsettled = [];
for (const { disk, action, command, withinMs = 10_000 } of steps) {
  if (action === 'settle') {
    print(await unsettled[disk]);
    continue;
  }
  const transport = transports[disk];
  const deadline = performance.now() + withinMs;
  const outcome =
    action === 'execute'
      ? await transport.execute(command, deadline)
      : await transport[action](deadline);
  unsettled[disk] = outcome.returned ?? outcome;
  print({ ...(typeof outcome === 'string' ? { identity: outcome } : outcome), returned: undefined });
}
for (const transport of transports) await transport?.close();
