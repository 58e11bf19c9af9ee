/**
 * What "Validate SCSI-3 Persistent Reservation" of Windows failover clustering sends, from two nodes
 * of one host. Its reports name the steps: a node registers, reserves and reads the reservation
 * back; the other, not registered, can't take it, and can once it is.
 */
import { describe, expect, it } from 'vitest';
import { Initiator, type ScsiResult, senseText } from '../support/initiator.js';
import {
  keysIn,
  persistentReserveIn,
  persistentReserveOut,
  type PrOut,
  read10,
  readKeys,
  reservationIn,
  write10,
  writeExclusiveRegistrantsOnly as type,
} from '../support/persistent-reservations.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

const MiB = 2 ** 20;
const good = 0;
const conflict = 0x18;

/** The sector that the test writes to. */
const sector = 11;

/** Windows registers by REGISTER AND IGNORE EXISTING KEY, and with key 0 takes it back. */
const register = (newKey: bigint): PrOut => ({ action: 'registerAndIgnore', newKey });
const unregister = register(0n);

class Node {
  readonly #initiator: Initiator;

  constructor(initiator: Initiator) {
    this.#initiator = initiator;
  }

  /** SAM status; a unit attention is taken and the command sent again, as disk.sys does. */
  async out(options: PrOut): Promise<number> {
    return (await this.#retried(() => this.#initiator.execute(persistentReserveOut(options))))
      .status;
  }

  async write(fill: number): Promise<number> {
    return (await this.#retried(() => this.#initiator.execute(write10(sector, 1, fill)))).status;
  }

  async read(): Promise<Buffer> {
    const result = await this.#retried(() => this.#initiator.execute(read10(sector, 1)));
    expect(result.status).toBe(good);
    return result.dataIn;
  }

  async reservation(): Promise<ReturnType<typeof reservationIn>> {
    const read = () => this.#initiator.execute(persistentReserveIn('readReservation'));
    return reservationIn((await this.#retried(read)).dataIn);
  }

  async keys(): Promise<bigint[]> {
    return keysIn((await this.#retried(() => this.#initiator.execute(readKeys()))).dataIn);
  }

  async #retried(send: () => Promise<ScsiResult>): Promise<ScsiResult> {
    const result = await send();
    return senseText(result).startsWith('6/') ? await send() : result;
  }
}

/** Two nodes that have seen the disk. */
async function cluster(): Promise<[Node, Node]> {
  const sockets = [scratchSocket(), scratchSocket()] as const;
  const names = sockets.flatMap((path, index) => [
    ...['--socket-path', path, '--initiator-name', `iqn.1991-05.com.microsoft:node${index + 1}`],
  ]);
  await ServeProcess.serving({
    args: [...names, '--device', 'scsi', '--blk-file', scratchImage(MiB)],
  });
  const [one, two] = sockets;
  return [new Node(await Initiator.attached(one)), new Node(await Initiator.attached(two))];
}

describe.each([
  ['its own key', 0x6e6f_6465_0000_0001n, 0x6e6f_6465_0000_0002n],
  // Microsoft KB 2488012: the keys are random, and two nodes' may be the same.
  ['the same key', 0x6e6f_6465_0000_0007n, 0x6e6f_6465_0000_0007n],
])('each node with %s', (_, key1, key2) => {
  it('reserves, reads back, is taken over and gives back', async () => {
    const [one, two] = await cluster();
    // What an earlier run left behind goes; from a node that isn't registered that may not work.
    expect(await one.out({ action: 'clear', key: key1 })).toBe(conflict);
    expect(await one.out(unregister)).toBe(good);

    expect(await one.out(register(key1))).toBe(good);
    expect(await one.out({ action: 'reserve', key: key1, type })).toBe(good);
    expect(await one.reservation()).toEqual({ key: key1, type });
    expect(await one.keys()).toEqual([key1]);
    expect(await two.reservation()).toEqual({ key: key1, type });

    // Not registered: reads, and nothing else.
    expect(await one.write(0x11)).toBe(good);
    expect(await two.read()).toEqual(Buffer.alloc(512, 0x11));
    expect(await two.write(0x22)).toBe(conflict);
    expect(await two.out({ action: 'preempt', key: key2, newKey: key1, type })).toBe(conflict);
    expect(await two.out({ action: 'reserve', key: key2, type })).toBe(conflict);
    expect(await two.out({ action: 'release', key: key2, type })).toBe(conflict);
    expect(await two.out({ action: 'clear', key: key2 })).toBe(conflict);
    expect(await one.read()).toEqual(Buffer.alloc(512, 0x11));

    // Registered: writes, but doesn't hold.
    expect(await two.out(register(key2))).toBe(good);
    expect(await two.keys()).toEqual([key1, key2]);
    expect(await two.write(0x22)).toBe(good);
    expect(await two.out({ action: 'reserve', key: key2, type })).toBe(conflict);
    expect(await two.out({ action: 'release', key: key2, type })).toBe(good);
    expect(await one.reservation()).toEqual({ key: key1, type });

    expect(await two.out({ action: 'preempt', key: key2, newKey: key1, type })).toBe(good);
    expect(await two.reservation()).toEqual({ key: key2, type });
    expect(await two.keys()).toEqual([key2]);
    expect(await one.write(0x33)).toBe(conflict);
    expect(await one.read()).toEqual(Buffer.alloc(512, 0x22));

    expect(await two.out({ action: 'release', key: key2, type })).toBe(good);
    expect(await two.reservation()).toBeUndefined();
    expect(await one.write(0x33)).toBe(good);
    expect(await two.out(unregister)).toBe(good);
    expect(await two.keys()).toEqual([]);
  });
});

it('the defender keeps the disk that the challenger waits for', async () => {
  const [defender, challenger] = await cluster();
  expect(await defender.out(register(1n))).toBe(good);
  expect(await defender.out({ action: 'reserve', key: 1n, type })).toBe(good);

  // The challenger makes itself known, the defender finds its key among the others and removes it
  // before the challenger's patience ends: again and again.
  for (let round = 0; round < 3; round++) {
    expect(await challenger.out(register(2n))).toBe(good);
    expect(await defender.keys()).toEqual([1n, 2n]);
    expect(await defender.out({ action: 'preempt', key: 1n, newKey: 2n, type })).toBe(good);
    expect(await challenger.keys()).toEqual([1n]);
    expect(await challenger.out({ action: 'preempt', key: 2n, newKey: 1n, type })).toBe(conflict);
  }
  expect(await challenger.write(0x22)).toBe(conflict);
});

it('the challenger has the disk of a defender that is gone', async () => {
  const [defender, challenger] = await cluster();
  expect(await defender.out(register(1n))).toBe(good);
  expect(await defender.out({ action: 'reserve', key: 1n, type })).toBe(good);

  expect(await challenger.out(register(2n))).toBe(good);
  expect(await challenger.out({ action: 'preempt', key: 2n, newKey: 1n, type })).toBe(good);
  expect(await challenger.reservation()).toEqual({ key: 2n, type });
  // The old owner comes back, and can't take what it once had.
  expect(await defender.out({ action: 'reserve', key: 1n, type })).toBe(conflict);
  expect(await defender.write(0x11)).toBe(conflict);
  expect(await defender.out(register(1n))).toBe(good);
  expect(await defender.out({ action: 'reserve', key: 1n, type })).toBe(conflict);
});

it('every type that Windows documents can be reserved and read back', async () => {
  const [one, two] = await cluster();
  for (const each of [1, 3, 5, 6]) {
    expect(await one.out(register(1n))).toBe(good);
    expect(await one.out({ action: 'reserve', key: 1n, type: each })).toBe(good);
    expect(await two.reservation()).toEqual({ key: 1n, type: each });
    expect(await one.out({ action: 'clear', key: 1n })).toBe(good);
    expect(await two.keys()).toEqual([]);
  }
});
