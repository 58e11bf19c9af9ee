import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { asNvme } from '../../../src/nvme/as-nvme.js';
import type { PrCommand } from '../../../src/pr/command.js';
import { good } from '../../../src/pr/outcome.js';
import { LaneFile } from '../../../src/transports/lane-file.js';
import { LaneTransport } from '../../../src/transports/lane-transport.js';
import { nvmeProtocol } from '../../../src/transports/nvme-protocol.js';
import type { NvmePathNode } from '../../../src/transports/path-node.js';
import { Namespace } from '../nvme/support/namespace.js';
import { errno, FakeLane, hanging, type Kernel, soon } from './support/fake-lane.js';
import { type FakeController, nvmeKernel } from './support/fake-nvme.js';
import { nvmeNode } from './support/nodes.js';
import { smallCommands } from './support/small-commands.js';

const rescap = 0xff;

function controllerOf(namespace: Namespace, namespaceId = nvmeNode.namespaceId): FakeController {
  const identity = Buffer.alloc(4096);
  identity[31] = rescap;
  Buffer.from('0011223344556677', 'hex').copy(identity, 120);
  return { namespace, namespaceId, hostId: nvmeNode.hostId ?? '', identity };
}

function transportTo(kernel: Kernel, node: NvmePathNode = nvmeNode, wwid?: string) {
  const lane = new FakeLane(kernel);
  const protocol = nvmeProtocol(node, rescap, () => wwid);
  return { lane, transport: new LaneTransport('nvme0n1', new LaneFile(lane, 7), protocol) };
}

it('carries what the codec makes of every command', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(smallCommands, { maxLength: 10 }), async (commands) => {
      const near = new Namespace();
      const { transport } = transportTo(nvmeKernel(controllerOf(new Namespace())));
      for (const command of commands) {
        const program = asNvme(command, {
          hostId: nvmeNode.hostId,
          reservationCapabilities: rescap,
        });
        let next = program.next();
        while (next.done !== true) {
          next = program.next(near.run(nvmeNode.hostId ?? '', next.value.command));
        }
        const expected = next.value.kind === 'outcome' ? next.value.outcome : undefined;
        expect(await transport.execute(command, soon())).toEqual({
          kind: 'answered',
          outcome: expected,
        });
      }
    }),
    { numRuns: 200 },
  );
});

const clear: PrCommand = { action: 'clear', prkey: 0xa1n };
const preempt: PrCommand = {
  action: 'preempt',
  prkey: 0xa1n,
  serviceActionKey: 0xf1n,
  scope: 'logical-unit',
  type: 'write-exclusive',
};

describe('what the kernel returns', () => {
  it.each(['EACCES', 'EAGAIN', 'ENODEV', 'EINVAL', 'ENOTTY'])('%s: not sent', async (code) => {
    const { transport } = transportTo(() => {
      throw errno(code);
    });
    const reason = `NVMe passthrough: ${code}`;
    expect(await transport.execute(clear, soon())).toEqual({ kind: 'not-sent', reason });
  });

  it.each([
    ['EINTR', 'EINTR'],
    ['EIO', 'EIO'],
  ])('%s: unsettled', async (_, code) => {
    const { transport } = transportTo(() => {
      throw errno(code);
    });
    expect(await transport.execute(clear, soon())).toMatchObject({ kind: 'unsettled' });
  });

  it.each([
    ['the host gave up on the path', 0x370],
    ['the host aborted it', 0x371],
    ['the queue was deleted', 0x008],
    ['an internal error', 0x4006],
  ])('%s: unsettled', async (_, status) => {
    const { transport } = transportTo(() => status);
    const outcome = await transport.execute(clear, soon());
    expect(outcome.kind === 'unsettled' && (await outcome.returned)).toBe(outcome);
  });
});

describe('a PREEMPT that is not looked at afterwards is unsettled', () => {
  it('because the Report was not sent', async () => {
    const returns = [0];
    const { transport } = transportTo(() => {
      const value = returns.shift();
      if (value === undefined) throw errno('EAGAIN');
      return value;
    });
    expect(await transport.execute(preempt, soon())).toMatchObject({ kind: 'unsettled' });
  });

  it('because the deadline has come before it, though the PREEMPT comes back well', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { kernel, letGo } = hanging();
    const { lane, transport } = transportTo(kernel);
    const executing = transport.execute(preempt, performance.now() + 1000);
    await vi.advanceTimersByTimeAsync(1000);
    vi.useRealTimers();
    const outcome = await executing;
    letGo(0);
    const returned = outcome.kind === 'unsettled' ? await outcome.returned : outcome;
    expect(returned).toMatchObject({ kind: 'unsettled' });
    expect(lane.calls.length).toBe(1);
  });
});

describe('identity', () => {
  const controller = controllerOf(new Namespace());
  const kernel = nvmeKernel(controller);
  it.each([
    ['its EUI-64', 'eui.0011223344556677', undefined, 'same'],
    ['in capitals', 'eui.0011223344556677'.toUpperCase().replace('EUI', 'eui'), undefined, 'same'],
    ['another EUI-64', 'eui.0011223344556688', 'eui.0011223344556688', 'other'],
    ['a UUID, as sysfs has it now', 'uuid.1234', 'uuid.1234', 'same'],
    ['another UUID', 'uuid.1234', 'uuid.5678', 'other'],
    ['a UUID of what is gone', 'uuid.1234', undefined, 'unknown'],
  ])('%s', async (_, wwid, inSysfs, identity) => {
    const { transport } = transportTo(kernel, { ...nvmeNode, wwid }, inSysfs);
    expect(await transport.identify(soon())).toBe(identity);
  });

  it('is that of the NGUID, too', async () => {
    const identity = Buffer.alloc(4096);
    const nguid = '00112233445566778899aabbccddeeff';
    Buffer.from(nguid, 'hex').copy(identity, 104);
    const node = { ...nvmeNode, wwid: `eui.${nguid}` };
    const { transport } = transportTo(nvmeKernel({ ...controller, identity }), node);
    expect(await transport.identify(soon())).toBe('same');
  });

  it('of a namespace that has another id by now is unknown', async () => {
    const { transport } = transportTo(nvmeKernel(controllerOf(new Namespace(), 2)));
    expect(await transport.identify(soon())).toBe('unknown');
  });
});

describe('readiness', () => {
  it.each([{}, { shortHostIds: true }])('is a Report’s answer: %o', async (quirks) => {
    const namespace = new Namespace(quirks);
    const { transport } = transportTo(nvmeKernel(controllerOf(namespace)));
    expect(await transport.probe(soon())).toEqual({ kind: 'answered', outcome: good });
    expect(namespace.commands).toEqual(['report']);
  });

  it.each([
    ['a namespace that is not ready', 0x4082, { kind: 'answered' }],
    ['a host that gave up', 0x370, { kind: 'unsettled' }],
  ])('is not that of %s', async (_, status, outcome) => {
    const { transport } = transportTo(() => status);
    const probed = await transport.probe(soon());
    expect(probed).toMatchObject(outcome);
    expect(probed).not.toEqual({ kind: 'answered', outcome: good });
  });
});
