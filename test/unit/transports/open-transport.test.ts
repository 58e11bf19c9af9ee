import { constants } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NativeAddon } from '../../../src/native/addon.js';
import {
  openTransport,
  type OpenTransportOptions,
} from '../../../src/transports/open-transport.js';
import type { PathNode } from '../../../src/transports/path-node.js';
import { Namespace } from '../nvme/support/namespace.js';
import { bytes } from '../scsi/support/bytes.js';
import { errno, FakeLane, type Kernel, soon } from './support/fake-lane.js';
import { nvmeKernel } from './support/fake-nvme.js';
import { type ScsiAnswer, scsiKernel, sgIo } from './support/fake-scsi.js';
import { nvmeNode, scsiNode } from './support/nodes.js';

/** A machine: who may open what, and what its kernel does. */
interface Machine {
  /** Errno names by path. */
  closed?: Record<string, string>;
  kernel: Kernel;
}

function addonOf({ closed = {}, kernel }: Machine) {
  const lanes: FakeLane[] = [];
  const addon: Pick<NativeAddon, 'createLane' | 'connectForFds'> = {
    createLane: () => {
      const lane = new FakeLane(kernel, (path) => {
        const refusal = closed[path];
        if (refusal !== undefined) throw errno(refusal);
        return 7;
      });
      lanes.push(lane);
      return lane;
    },
    connectForFds: () => Promise.reject(errno('ECONNREFUSED')),
  };
  return { addon, lanes };
}

async function open(machine: Machine, node: PathNode, options: Partial<OpenTransportOptions> = {}) {
  const { addon, lanes } = addonOf(machine);
  const { transport, report } = await openTransport(addon, node, { deadline: soon(), ...options });
  const summary = report.tried.map(({ kind, improvement }) =>
    improvement === undefined ? kind : `${kind}: ${improvement}`,
  );
  // Nothing is left open but what was chosen.
  const open = lanes.filter(({ isEnded }) => !isEnded).length;
  expect(open).toBe(transport === undefined ? 0 : 1);
  return { transport, report, summary, lanes };
}

/** A kernel from 6.12 on: SG_IO passes reservations only on sg, <linux/pr.h> lets writers. */
function modernKernel({ reads, rawIo }: { reads: boolean; rawIo: boolean }): Kernel {
  const device = scsiKernel(({ cdb }): ScsiAnswer => {
    const isReservation = cdb[0] === 0x5e || cdb[0] === 0x5f;
    if (isReservation && !rawIo) throw errno('EPERM');
    return { dataIn: bytes('00000001 00000000') };
  });
  return (call) => {
    if (call.request === sgIo) return device(call);
    if (call.request === 0xc01070ce) {
      if (!reads) throw errno('EINVAL');
      return 0;
    }
    if (call.argument.readUInt32LE(16) > 1) throw errno('EOPNOTSUPP');
    return 0;
  };
}

const kernel = modernKernel({ reads: true, rawIo: false });

describe('SCSI', () => {
  it('takes the sg node where it may, opened for reading and writing', async () => {
    const { transport, report, lanes } = await open({ kernel }, scsiNode);
    expect(transport?.name).toBe('sdc (2:0:0:1) by sg');
    expect(transport?.limits).toMatchObject({ fullStatus: true, reads: true, hostWide: false });
    expect(report.chosen).toBe('sg');
    const flags = constants.O_RDWR | constants.O_NONBLOCK;
    expect(lanes[0]?.opened).toEqual([{ path: '/dev/sg3', flags }]);
  });

  it('then the disk with CAP_SYS_RAWIO', async () => {
    const machine = {
      kernel: modernKernel({ reads: true, rawIo: true }),
      closed: { '/dev/sg3': 'EACCES' },
    };
    const { transport, summary } = await open(machine, scsiNode);
    expect(transport?.name).toBe('sdc (2:0:0:1) by sd');
    expect(summary[0]).toContain('/dev/sg3');
  });

  it('then <linux/pr.h>, saying what would be better', async () => {
    const { transport, report, summary } = await open(
      { kernel, closed: { '/dev/sg3': 'EACCES' } },
      scsiNode,
    );
    expect(transport?.name).toBe('sdc (2:0:0:1) by linux-pr');
    expect(transport?.limits).toMatchObject({ fullStatus: false, reads: true });
    expect(report.tried.map(({ kind }) => kind)).toEqual(['sg', 'sd', 'linux-pr']);
    expect(summary[0]).toMatch(/^sg: give this process's group .* \/dev\/sg3/);
    expect(summary[1]).toMatch(/^sd: give this process CAP_SYS_RAWIO/);
    expect(summary[2]).toBe('linux-pr');
  });

  it('which cannot read on a kernel before 6.19', async () => {
    const machine = {
      kernel: modernKernel({ reads: false, rawIo: false }),
      closed: { '/dev/sg3': 'EACCES' },
    };
    const { transport } = await open(machine, scsiNode);
    expect(transport?.limits.reads).toBe(false);
  });

  it('and nothing on 6.1, where <linux/pr.h> is for administrators', async () => {
    const refusing: Kernel = () => {
      throw errno('EPERM');
    };
    const { transport, report, summary } = await open(
      { kernel: refusing, closed: { '/dev/sg3': 'EACCES' } },
      scsiNode,
    );
    expect(transport).toBeUndefined();
    expect(report.chosen).toBeUndefined();
    expect(summary[2]).toMatch(/^linux-pr: run a kernel newer than 6.1/);
  });

  it('without an sg node says that the driver is missing', async () => {
    const { summary } = await open({ kernel }, { ...scsiNode, sgNode: undefined });
    expect(summary[0]).toBe('sg: load the kernel module sg');
  });

  it('a node that is gone is named, and no permission is to blame', async () => {
    const closed = { '/dev/sg3': 'ENXIO', '/dev/sdc': 'ENXIO' };
    const { transport, report } = await open({ kernel, closed }, scsiNode);
    expect(transport).toBeUndefined();
    expect(report.tried).toEqual([
      { kind: 'sg', reason: '/dev/sg3: ENXIO' },
      { kind: 'sd', reason: '/dev/sdc: ENXIO' },
      { kind: 'linux-pr', reason: '/dev/sdc: ENXIO' },
    ]);
  });
});

describe('NVMe', () => {
  const controller = {
    namespace: new Namespace(),
    namespaceId: nvmeNode.namespaceId,
    hostId: nvmeNode.hostId ?? '',
    identity: Buffer.alloc(4096, 0xff),
  };
  const onNvme =
    (denied: number[]): Kernel =>
    (call) =>
      call.request > 0xc0400000
        ? nvmeKernel({ ...controller, denied })(call)
        : modernKernel({ reads: true, rawIo: false })(call);

  it('takes passthrough where every command passes, and changes nothing by asking', async () => {
    const { transport, report } = await open({ kernel: onNvme([]) }, nvmeNode);
    expect(transport?.name).toBe('nvme0n1 (nvme0, nvme1) by nvme');
    expect(transport?.limits).toMatchObject({ hostWide: true, reportCapabilities: true });
    expect(report.chosen).toBe('nvme');
    expect(controller.namespace.commands).toEqual([]);
  });

  it('takes <linux/pr.h> where one does not', async () => {
    const { transport, report } = await open({ kernel: onNvme([0x11]) }, nvmeNode);
    expect(transport?.name).toBe('nvme0n1 (nvme0, nvme1) by linux-pr');
    expect(report.tried[0]?.reason).toContain('acquire');
    expect(report.tried[0]?.reason).not.toContain('register');
  });
});

describe('one kind only', () => {
  it('is the one that was asked for, or none', async () => {
    const closed = { '/dev/sg3': 'EACCES' };
    const asked = await open({ kernel }, scsiNode, { kind: 'linux-pr' });
    expect(asked.transport?.name).toContain('linux-pr');
    const none = await open({ kernel, closed }, scsiNode, { kind: 'sg' });
    expect([none.transport, none.report.tried.length]).toEqual([undefined, 1]);
  });

  it.each([
    [scsiNode, 'nvme'],
    [nvmeNode, 'sg'],
    [nvmeNode, 'sd'],
  ] as const)('that fits the node: %#', async (node, kind) => {
    const { transport, lanes } = await open({ kernel }, node, { kind });
    expect([transport, lanes]).toEqual([undefined, []]);
  });
});

describe('a helper', () => {
  it('is used when asked for', async () => {
    const { transport } = await open({ kernel }, scsiNode, {
      kind: 'pr-helper',
      helperSocket: '/run/qemu-pr-helper.sock',
    });
    expect(transport?.name).toBe('sdc (2:0:0:1) by pr-helper');
  });

  it.each([
    ['no socket', scsiNode, undefined],
    ['a namespace', nvmeNode, '/run/helper.sock'],
  ])('is refused with %s', async (_, node, helperSocket) => {
    const socket = helperSocket === undefined ? {} : { helperSocket };
    const { transport } = await open({ kernel }, node, { kind: 'pr-helper', ...socket });
    expect(transport).toBeUndefined();
  });
});

describe('a node that does not open', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is given up at the deadline, and closed when it does', async () => {
    let letGo: (fd: number) => void = () => undefined;
    const opening = new Promise<number>((resolve) => {
      letGo = resolve;
    });
    const lanes: FakeLane[] = [];
    const addon = {
      createLane: () => {
        const lane = new FakeLane(kernel, () => opening);
        lanes.push(lane);
        return lane;
      },
      connectForFds: () => Promise.reject(errno('ECONNREFUSED')),
    };
    const options = { deadline: performance.now() + 1000, kind: 'sg' } as const;
    const opened = openTransport(addon, scsiNode, options);
    await vi.advanceTimersByTimeAsync(1000);
    expect((await opened).transport).toBeUndefined();
    letGo(9);
    await vi.advanceTimersByTimeAsync(0);
    expect([lanes[0]?.closed, lanes[0]?.isEnded]).toEqual([[9], true]);
  });
});
