/** QEMU's own pr-manager-helper against holdfast prd, in place of qemu-pr-helper. */
import { expect, test } from 'vitest';

import {
  persistentReserveIn,
  persistentReserveOut,
  type PrOut,
  keysIn,
  reservationIn,
} from '../support/persistent-reservations.js';
import { bring } from './support/bring.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { startPrd } from './support/prd.js';
import { keysOf, targetView } from './support/reservations.js';
import { conflict } from './support/served-guest.js';
import { describeOnKernels } from './support/use-lab.js';

interface Answer {
  status: number;
  /** Of virtio-scsi: 0 where the device has answered. */
  response: number;
  sense: string;
  data: string;
}

const socket = '/run/holdfast/pr-helper.sock';
const other = '/dev/lab/other-sg';
const type = 5;

type Command = ReturnType<typeof persistentReserveOut>;

/** Sends commands to the disk of a QEMU that may open the map and nothing else. */
async function send(host: LabMachine, ...commands: Command[]): Promise<Answer[]> {
  await bring(host, 'qemu-scsi-block.py');
  const lines = commands.map(({ cdb, dataOut }) => `${cdb} ${dataOut?.toString('hex') ?? ''}`);
  const output = await host.run(
    `$as_holdfast python3 -IS /run/qemu-scsi-block.py $map ${socket} <<'END'\n${lines.join('\n')}\nEND`,
  );
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
}

const out = (options: PrOut) => persistentReserveOut({ type, ...options });
const testUnitReady = { cdb: '000000000000' };
const good: Answer = { status: 0, response: 0, sense: '', data: '' };
const dataOf = (answer: Answer | undefined) => Buffer.from(answer?.data ?? '', 'hex');

describeOnKernels(
  "QEMU's pr-manager-helper with holdfast prd",
  labSetups.loop,
  (lab) => {
    test('a scsi-block disk registers, reserves, preempts and releases on both paths', async () => {
      const { host } = lab;
      await startPrd(host, { prHelperSocket: socket });
      await host.run(`sg_persist -n --out --register --param-sark=f1 ${other}`);
      // virtio-scsi's own unit attention of power-on comes first.
      const [, registered, reserved, keys, reservation, ...rest] = await send(
        host,
        testUnitReady,
        out({ action: 'register', newKey: 0xa1n, type: 0 }),
        out({ action: 'reserve', key: 0xa1n }),
        persistentReserveIn('readKeys'),
        persistentReserveIn('readReservation'),
        out({ action: 'reserve', key: 0xa2n }),
        out({ action: 'preempt', key: 0xa1n, newKey: 0xf1n }),
      );
      expect([registered, reserved]).toMatchObject([good, good]);
      expect(keysIn(dataOf(keys)).sort()).toEqual([0xa1n, 0xf1n]);
      expect(reservationIn(dataOf(reservation))).toEqual({ key: 0xa1n, type });
      expect(rest).toMatchObject([{ ...good, status: 0x18 }, good]);

      const held = await targetView(host, other);
      expect(keysOf(held)).toEqual(['a1', 'a1']);
      await host.run('dd if=/dev/zero of=$map bs=4k count=64 oflag=direct');
      await expect(
        host.run('dd if=/dev/zero of=/dev/lab/other bs=4k count=1 oflag=direct'),
      ).rejects.toThrow(conflict);

      const [, released, unregistered] = await send(
        host,
        testUnitReady,
        out({ action: 'release', key: 0xa1n }),
        out({ action: 'register', key: 0xa1n, type: 0 }),
      );
      expect([released, unregistered]).toMatchObject([good, good]);
      expect(await targetView(host, other)).toEqual([]);
    });

    test('refused commands reach the disk with the sense that prd gave', async () => {
      const { host } = lab;
      await startPrd(host, { prHelperSocket: socket });
      const [, registered, writeExclusive, selfPreempt] = await send(
        host,
        testUnitReady,
        out({ action: 'register', newKey: 0xa1n, type: 0 }),
        out({ action: 'reserve', key: 0xa1n, type: 1 }),
        out({ action: 'preempt', key: 0xa1n, newKey: 0xa1n }),
      );
      expect(registered).toMatchObject(good);
      const invalidField = { status: 2, response: 0, sense: '5/24/00' };
      expect(writeExclusive).toMatchObject(invalidField);
      expect(selfPreempt, 'would need the map suspended').toMatchObject(invalidField);
    });
  },
  ['6.12'],
);
