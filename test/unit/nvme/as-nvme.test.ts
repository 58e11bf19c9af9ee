import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asNvme } from '../../../src/nvme/as-nvme.js';
import { nexusOfHost } from '../../../src/nvme/host-identifier.js';
import type { NvmeAnswer, NvmeCompletion, NvmeHost } from '../../../src/nvme/nvme-program.js';
import type { PrCommand } from '../../../src/pr/command.js';
import { busy, good, type PrOutcome, reservationConflict } from '../../../src/pr/outcome.js';
import { alice, bob, sharedDisk } from '../scsi/support/disk.js';
import { smallCommands } from '../transports/support/small-commands.js';
import { Namespace } from './support/namespace.js';

const a = '11111111000000000000000000000001';
const f = 'ffffffff000000000000000000000001';
const hostA: NvmeHost = { hostId: a, reservationCapabilities: 0xff };
const hostF: NvmeHost = { hostId: f, reservationCapabilities: 0xff };
const wero = { scope: 'logical-unit', type: 'write-exclusive-registrants-only' } as const;

function run(command: PrCommand, host: NvmeHost, namespace: Namespace, id = host.hostId ?? a) {
  const program = asNvme(command, host);
  let next = program.next();
  while (next.done !== true) next = program.next(namespace.run(id, next.value.command));
  return next.value;
}

function outcomeOf(answer: NvmeAnswer): PrOutcome {
  if (answer.kind === 'unknown') throw new Error(`status ${answer.status}`);
  return answer.outcome;
}

const register = (prkey: bigint, serviceActionKey: bigint, aptpl = false): PrCommand => ({
  action: 'register',
  prkey,
  serviceActionKey,
  aptpl,
  allTgPt: false,
  specIPt: undefined,
});
const ignoring = (serviceActionKey: bigint): PrCommand => ({
  action: 'register-and-ignore-existing-key',
  serviceActionKey,
  aptpl: false,
  allTgPt: false,
});

/** The generation, which NVMe and SCSI count differently, and names, which differ, set aside. */
function comparable(outcome: PrOutcome): unknown {
  if (outcome.status !== 'good' || outcome.data === undefined) return outcome;
  const { data } = outcome;
  switch (data.action) {
    case 'read-full-status':
      return data.registrations.map(({ key, reservation }) => ({ key, reservation }));
    case 'read-keys':
      return data.keys;
    case 'read-reservation':
      return data.reservation;
    case 'report-capabilities':
      return data.capabilities.persistThroughPowerLossActive;
  }
}

it('does to a namespace what the commands do to a SCSI disk', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('a' as const, 'f' as const), smallCommands), {
        maxLength: 15,
      }),
      fc.record({
        wrongTypeIsConflict: fc.boolean(),
        controllersOfHost: fc.constantFrom(1, 2),
      }),
      async (steps, quirks) => {
        const namespace = new Namespace(quirks);
        const { reservations } = await sharedDisk();
        for (const [who, command] of steps) {
          const [host, nexus] = who === 'a' ? [hostA, alice] : [hostF, bob];
          while (reservations.unitAttentions(nexus).take() !== undefined);
          const expected = await reservations.execute(nexus, command);
          const outcome = outcomeOf(run(command, host, namespace));
          expect([command, comparable(outcome)]).toEqual([command, comparable(expected)]);
        }
      },
    ),
    { numRuns: 1000 },
  );
});

describe('REGISTER', () => {
  it('with key 0 unregisters, and registers no key of zero', () => {
    const namespace = new Namespace();
    run(register(0n, 0xa1n), hostA, namespace);
    expect(run(register(0xa1n, 0n), hostA, namespace)).toEqual({ kind: 'outcome', outcome: good });
    expect([...namespace.keys]).toEqual([]);
  });

  it('of the key there is already is a conflict, though not to NVMe', () => {
    const namespace = new Namespace();
    run(register(0n, 0xa1n), hostA, namespace);
    expect(outcomeOf(run(register(0n, 0xa1n), hostA, namespace))).toEqual(reservationConflict);
  });

  it('of a host that does not know itself leaves that to NVMe', () => {
    const namespace = new Namespace();
    const host = { ...hostA, hostId: undefined };
    run(register(0n, 0xa1n), host, namespace);
    expect(outcomeOf(run(register(0n, 0xa1n), host, namespace))).toEqual(good);
    expect(outcomeOf(run(register(0n, 0xb2n), host, namespace))).toEqual(reservationConflict);
    expect(namespace.commands).not.toContain('report');
  });

  it('says whether registrations persist, also one that takes its own back', () => {
    const namespace = new Namespace();
    run(register(0n, 0xa1n, true), hostA, namespace);
    expect(namespace.persists).toBe(true);
    run(register(0xa1n, 0n), hostA, namespace);
    expect(namespace.persists).toBe(false);
  });

  it('with APTPL is refused where the namespace can’t persist', () => {
    const namespace = new Namespace();
    const host = { ...hostA, reservationCapabilities: 0xfe };
    expect(outcomeOf(run(register(0n, 0xa1n, true), host, namespace))).toMatchObject({
      sense: { senseKey: 5, asc: 0x26, ascq: 0 },
    });
    expect(namespace.commands).toEqual([]);
  });
});

describe('REGISTER AND IGNORE EXISTING KEY', () => {
  it('registers, replaces whatever there is, and unregisters', () => {
    const namespace = new Namespace();
    run(ignoring(0xa1n), hostA, namespace);
    expect(namespace.keys.get(a)).toBe(0xa1n);
    run(ignoring(0xb2n), hostA, namespace);
    expect(namespace.keys.get(a)).toBe(0xb2n);
    run(ignoring(0n), hostA, namespace);
    expect(namespace.keys.has(a)).toBe(false);
  });

  it('of zero is right where nothing is registered', () => {
    expect(outcomeOf(run(ignoring(0n), hostA, new Namespace()))).toEqual(good);
  });

  it('is BUSY when another host preempts between its two attempts', () => {
    const namespace = new Namespace();
    run(register(0n, 0xa1n), hostA, namespace);
    run(register(0n, 0xf1n), hostF, namespace);
    const program = asNvme(ignoring(0xb2n), hostA);
    const first = program.next();
    if (first.done === true) throw new Error('ended');
    const second = program.next(namespace.run(a, first.value.command));
    namespace.run(f, {
      command: 'acquire',
      action: 'preempt',
      type: wero.type,
      currentKey: 0xf1n,
      preemptKey: 0xa1n,
    });
    if (second.done === true) throw new Error('ended');
    const last = program.next(namespace.run(a, second.value.command));
    expect(last).toEqual({ done: true, value: { kind: 'outcome', outcome: busy } });
    expect(namespace.keys.has(a)).toBe(false);
  });
});

describe('PREEMPT', () => {
  const preempt = (victim: bigint): PrCommand => ({
    action: 'preempt',
    prkey: 0xa1n,
    serviceActionKey: victim,
    ...wero,
  });
  const twoHosts = (quirks = {}) => {
    const namespace = new Namespace(quirks);
    run(register(0n, 0xa1n), hostA, namespace);
    run(register(0n, 0xf1n), hostF, namespace);
    run({ action: 'reserve', prkey: 0xa1n, ...wero }, hostA, namespace);
    return namespace;
  };

  it('is no success where the victim’s key is left', () => {
    const namespace = twoHosts({ holderRemovesNobody: true });
    expect(outcomeOf(run(preempt(0xf1n), hostA, namespace))).toMatchObject({
      sense: { senseKey: 4, asc: 0x44, ascq: 0 },
    });
  });

  it('is one where it is gone, which is looked at after it had its effect', () => {
    const namespace = twoHosts();
    const program = asNvme(preempt(0xf1n), hostA);
    const first = program.next();
    expect(first).toMatchObject({ value: { command: { action: 'preempt' } } });
    const second = program.next({ status: 0, data: Buffer.alloc(0) });
    expect(second).toMatchObject({ value: { command: { command: 'report' }, afterEffect: true } });
    expect(outcomeOf(run(preempt(0xf1n), hostA, namespace))).toEqual(good);
    expect([...namespace.keys.keys()]).toEqual([a]);
  });

  it('stays unknown where that can’t be looked at', () => {
    const program = asNvme(preempt(0xf1n), hostA);
    program.next();
    program.next({ status: 0, data: Buffer.alloc(0) });
    const last = program.next({ status: 0x06, data: Buffer.alloc(0) });
    expect(last).toMatchObject({ done: true, value: { kind: 'unknown' } });
  });

  it('of oneself looks at nothing', () => {
    const namespace = twoHosts();
    namespace.commands.length = 0;
    expect(outcomeOf(run(preempt(0xa1n), hostA, namespace))).toEqual(good);
    expect(namespace.commands).toEqual(['preempt']);
  });
});

describe('READ FULL STATUS', () => {
  it('shows one entry for each host, with all its controllers', () => {
    const namespace = new Namespace({ controllersOfHost: 3 });
    run(register(0n, 0xa1n), hostA, namespace);
    run(register(0n, 0xf1n), hostF, namespace);
    run({ action: 'reserve', prkey: 0xf1n, ...wero }, hostF, namespace);
    expect(outcomeOf(run({ action: 'read-full-status' }, hostA, namespace))).toEqual({
      status: 'good',
      data: {
        action: 'read-full-status',
        generation: 2,
        registrations: [
          { key: 0xa1n, nexus: nexusOfHost(a), allTgPt: true, reservation: undefined },
          { key: 0xf1n, nexus: nexusOfHost(f), allTgPt: true, reservation: wero },
        ],
      },
    });
  });

  it('works with host identifiers of 64 bits', () => {
    const namespace = new Namespace({ shortHostIds: true });
    const short = '1122334455667788';
    run(register(0n, 0xa1n), { ...hostA, hostId: short }, namespace);
    expect(outcomeOf(run({ action: 'read-full-status' }, hostA, namespace))).toMatchObject({
      data: { registrations: [{ key: 0xa1n, nexus: nexusOfHost(short) }] },
    });
  });

  it('asks again for what the first attempt had no room for', () => {
    const namespace = new Namespace();
    for (let index = 0; index < 200; index++) {
      namespace.keys.set(index.toString(16).padStart(32, '0'), BigInt(index));
    }
    const outcome = outcomeOf(run({ action: 'read-keys' }, hostA, namespace));
    expect(outcome).toMatchObject({ data: { keys: [...namespace.keys.values()] } });
    expect(namespace.commands).toEqual(['report', 'report']);
  });
});

describe('statuses', () => {
  const answerTo = (status: number, command: PrCommand = { action: 'clear', prkey: 1n }) => {
    const program = asNvme(command, hostA);
    program.next();
    const completion: NvmeCompletion = { status, data: Buffer.alloc(64) };
    return program.next(completion).value;
  };
  it.each([
    [0x001, { senseKey: 5, asc: 0x20, ascq: 0 }],
    [0x002, { senseKey: 5, asc: 0x26, ascq: 0 }],
    [0x082, { senseKey: 2, asc: 0x04, ascq: 0 }],
    [0x302, { senseKey: 2, asc: 0x04, ascq: 0x0c }],
    [0x303, { senseKey: 2, asc: 0x04, ascq: 0x0a }],
  ])('0x%x says that nothing was executed', (status, sense) => {
    expect(answerTo(status)).toEqual({
      kind: 'outcome',
      outcome: { status: 'check-condition', sense },
    });
  });

  it.each([0x004, 0x006, 0x007, 0x008, 0x1ff])('0x%x does not say', (status) => {
    expect(answerTo(status)).toEqual({ kind: 'unknown', status });
  });
});

it('REGISTER AND MOVE, REPLACE LOST RESERVATION and what names ports are refused unsent', () => {
  const namespace = new Namespace();
  const refusals: [PrCommand, number][] = [
    [
      {
        action: 'register-and-move',
        prkey: 1n,
        serviceActionKey: 2n,
        unregister: false,
        aptpl: false,
        relativeTargetPort: 1,
        destination: { protocol: 'sas', address: 1n },
      },
      0x24,
    ],
    [
      {
        action: 'replace-lost-reservation',
        prkey: 0n,
        serviceActionKey: 1n,
        aptpl: false,
        ...wero,
      },
      0x24,
    ],
    [{ ...register(0n, 1n), allTgPt: true } as PrCommand, 0x26],
    [{ ...register(0n, 1n), specIPt: [] } as PrCommand, 0x26],
    [{ action: 'reserve', prkey: 1n, scope: undefined, type: wero.type }, 0x24],
    [{ action: 'reserve', prkey: 1n, scope: wero.scope, type: undefined }, 0x24],
  ];
  for (const [command, asc] of refusals) {
    expect(outcomeOf(run(command, hostA, namespace))).toMatchObject({
      sense: { senseKey: 5, asc },
    });
  }
  expect(namespace.commands).toEqual([]);
});
