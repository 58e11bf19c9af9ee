import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReservationCommand } from '../../../src/pr/command.js';
import { registrationsPreempted } from '../../../src/pr/sense.js';
import { PassedFds } from '../../../src/fd-lines/passed-fds.js';
import { PrdReservations } from '../../../src/prd/prd-reservations.js';
import { PrdSession } from '../../../src/prd/prd-session.js';
import { connectionPair, type FakeConnection } from './support/connections.js';
import { disk, FakeFds, readOnlyDisk } from './support/fake-fds.js';
import { FakeHost, ours } from './support/host.js';
import { SimulatedGate } from './support/simulated-gate.js';
import {
  preempt,
  readFullStatus,
  readKeys,
  register,
  registerAndIgnore,
  reserve,
  reserve6,
} from '../emulated/support/commands.js';
import { Gate } from '../emulated/support/gate.js';
import { textOf } from '../emulated/support/outcome-text.js';

const registrantsOnly = 'write-exclusive-registrants-only';

let fds: FakeFds;
let fd: number;
let daemon: Daemon;
let gate: SimulatedGate;
let guest: PrdReservations;
/** What became of the daemon, as the guest's server was told. */
let reach: (string | undefined)[];
let attentions: boolean[];

/** A reservation daemon that can be killed. */
class Daemon {
  readonly host = new FakeHost();
  readonly #units = this.host.units();
  readonly #servers: FakeConnection[] = [];
  readonly #ended: Promise<void>[] = [];

  connect(): FakeConnection {
    const [client, server] = connectionPair(fds);
    this.#servers.push(server);
    const passed = new PassedFds(fds.lane());
    const services = { units: this.#units, log: this.host.peerLog(), examine: fds.examine };
    const session = new PrdSession(server, passed, services);
    this.#ended.push(session.run().then(() => passed.end()));
    return client;
  }

  async kill(): Promise<void> {
    for (const server of this.#servers) server.close();
    await Promise.all(this.#ended);
  }
}

beforeEach(async () => {
  fds = new FakeFds();
  fd = fds.of(disk);
  daemon = new Daemon();
  gate = new SimulatedGate();
  reach = [];
  attentions = [];
  guest = await open();
});

afterEach(async () => {
  await guest.close();
  await daemon.kill();
  fds.open.delete(fd);
  expect([...fds.open]).toEqual([]);
});

function open(initiator = 'iqn.2026-11.test:vm1', with_ = fd): Promise<PrdReservations> {
  return PrdReservations.open({
    addon: {
      connectForFds: () => Promise.resolve(daemon.connect()),
      createLane: () => ({ ...fds.lane(), open: unused, ioctl: unused }),
    },
    socketPath: '/run/holdfast/prd.sock',
    fd: with_,
    initiator,
    gate,
    onAttention: (pending) => attentions.push(pending),
    onChange: () => undefined,
    onReach: (trouble) => reach.push(trouble),
  });
}

function unused(): never {
  throw new Error('not used');
}

async function run(command: ReservationCommand): Promise<string> {
  return textOf(await guest.execute(ours, command));
}

const isOpen = () => gate.isOpen;

describe('reservations through the daemon', () => {
  it('take the commands of a guest, with all that the device answers', async () => {
    expect(await run(register(0n, 0xa1n))).toBe('good');
    expect(await run(reserve(0xa1n, registrantsOnly))).toBe('good');
    expect(await run(reserve(0xa2n, registrantsOnly))).toBe('conflict');
    expect(await run(preempt(0xa1n, 0n, registrantsOnly))).toBe('5/26/00');
    expect(await run(reserve6)).toBe('5/20/00');
    expect(await guest.execute(ours, readFullStatus)).toEqual({
      status: 'good',
      data: {
        action: 'read-full-status',
        generation: 1,
        registrations: [
          {
            key: 0xa1n,
            nexus: ours,
            allTgPt: false,
            reservation: { scope: 'logical-unit', type: registrantsOnly },
          },
        ],
      },
    });
  });

  it('are refused with the words of the daemon', async () => {
    const readOnly = fds.of(readOnlyDisk);
    await expect(open('iqn.2026-11.test:vm2', readOnly)).rejects.toThrow(/not opened for writing/);
    fds.open.delete(readOnly);
    await expect(open('iqn.2026-11.test:vm2')).rejects.toThrow(/serves it to iqn.*vm1/);
  });

  it('tell the guest of unit attentions and the core of conflicts', async () => {
    daemon.host.attention(registrationsPreempted);
    await expect.poll(() => attentions).toEqual([true]);
    expect(guest.unitAttentions().take()).toEqual(registrationsPreempted);
    const met = new Promise<void>((resolve) => {
      if (daemon.host.gate !== undefined) daemon.host.gate.onConflict = resolve;
    });
    gate.onConflict();
    await met;
    if (daemon.host.gate !== undefined) daemon.host.gate.conflicts = 'answer';
    await expect.poll(() => gate.way).toBe('answer');
  });

  it('leave the place to the next when they are closed', async () => {
    await guest.close();
    guest = await open('iqn.2026-11.test:vm2');
    await expect.poll(isOpen).toBe(true);
  });
});

it('ends also while it looks for the daemon', async () => {
  const away = daemon;
  daemon = new Daemon();
  const verified = new Gate<void>();
  daemon.host.beforeOpen = () => verified.passed;
  await away.kill();
  await verified.reached;
  const closed = guest.close();
  verified.open();
  await closed;
  await expect.poll(() => daemon.host.reservations).toBeUndefined();
  expect(daemon.host.opens).toBe(1);
});

describe("the guest's data", () => {
  it('is held from the beginning until the daemon has verified the state', async () => {
    await guest.close();
    await daemon.kill();
    daemon = new Daemon();
    const verified = new Gate<void>();
    daemon.host.beforeOpen = () => verified.passed;
    gate = new SimulatedGate();
    const opening = open();
    await verified.reached;
    expect(gate.isOpen).toBe(false);
    verified.open();
    guest = await opening;
    await expect.poll(isOpen).toBe(true);
  });

  it('stands still before the core goes on, and passes after that', async () => {
    await expect.poll(isOpen).toBe(true);
    let land: () => void = () => undefined;
    gate.inside = new Promise((resolve) => {
      land = resolve;
    });
    const { gate: core } = daemon.host;
    core?.close();
    let isDrained = false;
    const drained = core?.drained(60_000).then((done) => {
      isDrained = done;
    });
    await expect.poll(isOpen).toBe(false);
    expect(isDrained).toBe(false);
    land();
    await drained;
    expect(isDrained).toBe(true);
    expect(gate.isOpen).toBe(false);
    core?.open();
    await expect.poll(isOpen).toBe(true);
  });

  it.each([
    ['in its epoch, where it is registered still', '1', 0],
    ['in a new epoch, where it is not', '2', 1],
  ])('waits while the daemon is away, and goes on %s', async (_, name, begun) => {
    await expect.poll(isOpen).toBe(true);
    const { epoch } = gate;
    const next = new Daemon();
    next.host.epoch = name;
    const away = daemon;
    daemon = next;
    const verified = new Gate<void>();
    next.host.beforeOpen = () => verified.passed;
    await away.kill();
    await verified.reached;
    expect(gate.isOpen).toBe(false);
    expect(await run(readKeys)).toBe('busy');
    verified.open();
    await expect.poll(isOpen).toBe(true);
    expect(gate.epoch).toBe(epoch + begun);
    expect(reach.at(-1)).toBeUndefined();
    expect(await run(readKeys)).toBe('good');
  });

  it('stays held when the daemon dies in the middle of a quiesce', async () => {
    await expect.poll(isOpen).toBe(true);
    daemon.host.gate?.close();
    await daemon.host.gate?.drained(60_000);
    const next = new Daemon();
    const away = daemon;
    daemon = next;
    next.host.beforeOpen = () => {
      expect(gate.isOpen).toBe(false);
      return Promise.resolve();
    };
    await away.kill();
    expect(gate.isOpen).toBe(false);
    await expect.poll(isOpen).toBe(true);
    expect(next.host.opens).toBe(1);
  });
});

describe('a command whose answer is lost with the daemon', () => {
  it.each([
    ['is not known to have been done if it changes something', registerAndIgnore(1n), 'b/08/01'],
    ['can be asked for again if it reads', readKeys, 'busy'],
  ])('%s', async (_, command, answer) => {
    const unit = daemon.host.reservations;
    if (unit === undefined) throw new Error('not open');
    const running = new Gate<void>();
    unit.execute = async () => {
      await running.passed;
      return { status: 'good' };
    };
    const outcome = run(command);
    await running.reached;
    const away = daemon;
    daemon = new Daemon();
    const killed = away.kill();
    expect(await outcome).toBe(answer);
    running.open();
    await killed;
  });
});
