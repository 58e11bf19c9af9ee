/** A guest's SCSI reservations on the host's NVMe namespace, beside what nvme-cli shows of it. */
import { expect, test } from 'vitest';

import { bring } from './support/bring.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { registrantsIn } from './support/reservations.js';
import { bootServedGuest, conflict, persist, write } from './support/served-guest.js';
import { describeOnKernels } from './support/use-lab.js';

type Node = Pick<LabMachine, 'run'>;

interface Registrant {
  key: string;
  holds: boolean;
}

interface View {
  /** Of the reservation, as SCSI numbers it. */
  type: number | undefined;
  registrants: Registrant[];
}

interface Report {
  rtype: number;
  regctlext: { rcsts: number; rkey: number }[];
}

/** By NVMe's RTYPE. */
const scsiTypes = [undefined, 1, 3, 5, 6, 7, 8];
const typeTexts = new Map([
  ['Write Exclusive, registrants only', 5],
  ['Exclusive Access, registrants only', 6],
  ['Write Exclusive, all registrants', 7],
]);

function byKey(one: Registrant, two: Registrant): number {
  return one.key.localeCompare(two.key);
}

async function nvmeView(host: Node): Promise<View> {
  const output = await host.run('nvme resv-report /dev/nvme0n1 --eds -o json');
  const { rtype, regctlext } = JSON.parse(output) as Report;
  const registrants = regctlext.map(({ rcsts, rkey }) => ({
    key: rkey.toString(16),
    holds: (rcsts & 1) === 1,
  }));
  return { type: scsiTypes[rtype], registrants: registrants.sort(byKey) };
}

async function guestView(guest: Node): Promise<View> {
  const all = registrantsIn(await persist(guest, '--in --read-full-status'));
  const held = all.find(({ holds }) => holds !== undefined)?.holds;
  const registrants = all.map(({ key, holds }) => ({ key, holds: holds !== undefined }));
  return {
    type: held === undefined ? undefined : typeTexts.get(held),
    registrants: registrants.sort(byKey),
  };
}

/** Another host at the target, by itself: see nvme-tcp-host.py. */
async function asOther(host: LabMachine, ...commands: string[]): Promise<void> {
  await bring(host, 'nvme-tcp-host.py');
  const output = await host.run(
    `python3 -IS /run/nvme-tcp-host.py 127.0.0.1 4420 $nvme_name ${commands.join(' ')}`,
  );
  expect(output, commands.join(' ')).toBe('0\n'.repeat(commands.length));
}

const own = (key: string, holds = true) => ({ key, holds });

describeOnKernels(
  'a guest on an NVMe namespace',
  labSetups.nvme,
  (lab) => {
    test('sees what nvme-cli sees, from its registration to its end', async () => {
      const { host } = lab;
      const guest = await bootServedGuest(host, { device: '/dev/nvme0n1' });
      const sees = async (step: string, type: number | undefined, ...registrants: Registrant[]) => {
        const view = await nvmeView(host);
        expect(view, `${step}: the target`).toEqual({ type, registrants });
        expect(await guestView(guest), `${step}: the guest`).toEqual(view);
      };

      await persist(guest, '--out --register --param-sark=a1');
      await sees('registered', undefined, own('a1', false));
      await persist(guest, '--out --reserve --param-rk=a1 --prout-type=5');
      await sees('reserved', 5, own('a1'));
      await persist(guest, '--out --preempt --param-rk=a1 --param-sark=a1 --prout-type=6');
      await sees('preempted by itself, for another type', 6, own('a1'));

      await asOther(host, 'register,f1');
      await sees('another host registers', 6, own('a1'), own('f1', false));
      await asOther(host, 'preempt,f1,a1,3');
      await sees('fenced by it', 5, own('f1'));
      await expect(guest.run(write)).rejects.toThrow(conflict);

      await persist(guest, '--out --register --param-sark=a2');
      await sees('let in', 5, own('a2', false), own('f1'));
      await guest.run(write);
      await persist(guest, '--out --preempt --param-rk=a2 --param-sark=f1 --prout-type=5');
      await sees('fences it in turn', 5, own('a2'));
      await guest.run(write);

      await host.run('nvme disconnect --device nvme0');
      await sees('a controller is lost', 5, own('a2'));
      await guest.run(write);
      await persist(guest, '--out --register --param-rk=a2 --param-sark=a3');
      await sees('changes its key by the other', 5, own('a3'));
      await persist(guest, '--out --release --param-rk=a3 --prout-type=5');
      await sees('released', undefined, own('a3', false));
      await persist(guest, '--out --register --param-rk=a3');
      await sees('unregistered', undefined);
    });
  },
  ['7'],
);
