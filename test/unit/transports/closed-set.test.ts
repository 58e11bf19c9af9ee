/**
 * A writable sg node passes every SCSI command, a writable namespace much of NVMe. Whatever is asked of
 * the transports, what reaches the kernel is from a closed set.
 */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PrCommand } from '../../../src/pr/command.js';
import { LaneFile } from '../../../src/transports/lane-file.js';
import { LaneTransport, type PathProtocol } from '../../../src/transports/lane-transport.js';
import { linuxPrProtocol } from '../../../src/transports/linux-pr-protocol.js';
import { nvmeProtocol } from '../../../src/transports/nvme-protocol.js';
import { sgIoProtocol } from '../../../src/transports/sg-io-protocol.js';
import { prOutCommands } from '../scsi/support/arbitraries.js';
import { FakeLane, type FakeIoctl, soon } from './support/fake-lane.js';
import { adminCommand, ioCommand } from './support/fake-nvme.js';
import { sgIo } from './support/fake-scsi.js';
import { nvmeNode, scsiNode } from './support/nodes.js';

const commands: fc.Arbitrary<PrCommand> = fc.oneof(
  prOutCommands,
  fc.record({
    action: fc.constantFrom(
      'read-keys' as const,
      'read-reservation' as const,
      'report-capabilities' as const,
      'read-full-status' as const,
    ),
  }),
);

/** `SCSI 5f`, `NVMe I/O 11`, `pr 200`: what a call asks of the kernel. */
function nameOf({ request, argument, buffer }: FakeIoctl): string {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  if (request === sgIo) {
    const cdb = buffer(24);
    const page = cdb[0] === 0x12 ? ` ${hex(cdb.readUInt8(1))} ${hex(cdb.readUInt8(2))}` : '';
    return `SCSI ${hex(cdb.readUInt8(0))}${page}`;
  }
  const opcode = hex(argument.readUInt8(0));
  if (request === adminCommand) return `NVMe admin ${opcode} ${argument.readUInt32LE(40)}`;
  if (request === ioCommand) return `NVMe I/O ${opcode}`;
  return ((request >> 8) & 0xff) === 0x70 ? `pr ${request & 0xff}` : `ioctl ${hex(request)}`;
}

const permitted = new Set([
  'SCSI 00',
  'SCSI 12 01 83',
  'SCSI 5e',
  'SCSI 5f',
  'NVMe admin 06 0',
  'NVMe I/O 0d',
  'NVMe I/O 0e',
  'NVMe I/O 11',
  'NVMe I/O 15',
  ...[200, 201, 202, 203, 204, 205, 206, 207].map((number) => `pr ${number}`),
]);

const protocols: [string, PathProtocol][] = [
  ['sg, sd', sgIoProtocol(scsiNode)],
  ['nvme', nvmeProtocol(nvmeNode, 0xff, () => undefined)],
  ['linux-pr on SCSI', linuxPrProtocol(scsiNode, true, () => undefined)],
  ['linux-pr on NVMe', linuxPrProtocol(nvmeNode, true, () => undefined)],
];

it('reaches the kernel with nothing else, whatever it is asked and answers', async () => {
  const seen = new Set<string>();
  for (const [name, protocol] of protocols) {
    await fc.assert(
      fc.asyncProperty(
        fc.array(commands, { minLength: 1, maxLength: 4 }),
        fc.array(fc.constantFrom(0, 0, 0x18, 0x83, 2), { minLength: 8, maxLength: 8 }),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        async (asked, values, noise) => {
          const lane: FakeLane = new FakeLane((call) => {
            for (const offset of [16, 24, 32, 8]) {
              if (call.request === sgIo && offset === 24) continue;
              call.buffer(offset).forEach((_, at, buffer) => {
                buffer[at] = noise[at] ?? 0;
              });
            }
            if (call.request === sgIo) call.argument.writeUInt16LE(0, 68);
            return values[lane.calls.length % values.length] ?? 0;
          });
          const transport = new LaneTransport(name, new LaneFile(lane, 7), protocol);
          for (const command of asked) await transport.execute(command, soon());
          await transport.probe(soon());
          await transport.identify(soon());
          for (const call of lane.calls) {
            const what = nameOf(call);
            seen.add(what);
            expect(permitted).toContain(what);
          }
        },
      ),
      { numRuns: 100 },
    );
  }
  expect([...seen].sort()).toEqual([...permitted].sort());
});

it('has one place that calls ioctl, and three that say which', () => {
  const folder = new URL('../../../src/transports/', import.meta.url);
  const sources = readdirSync(folder).map((file) => ({
    file,
    text: readFileSync(new URL(file, folder), 'utf8'),
  }));
  const filesWith = (pattern: RegExp) =>
    sources.filter(({ text }) => pattern.test(text)).map(({ file }) => file);
  expect(filesWith(/\.ioctl\(/)).toEqual(['lane-file.ts']);
  expect(filesWith(/\brequest: (sgIo|adminCommand|ioCommand|requests\b|0x|\d)/)).toEqual([
    'nvme-passthrough.ts',
    'pr-ioctl.ts',
    'sg-io.ts',
  ]);
  expect(filesWith(/encodeRequest\(/)).toEqual(['pr-helper-transport.ts', 'sg-io.ts']);
});
