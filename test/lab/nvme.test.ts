/** Reservations of an NVMe namespace that two controllers of one host reach. */
import { expect, test } from 'vitest';

import { labSetups } from './support/lab-setup.js';
import { type LabMachine } from './support/lab-machine.js';
import { describeOnKernels } from './support/use-lab.js';

interface Report {
  rtype: number;
  regctlext: { rcsts: number; rkey: number; hostid: string }[];
}

async function report(host: LabMachine): Promise<Report> {
  return JSON.parse(await host.run('nvme resv-report /dev/nvme0n1 --eds -o json')) as Report;
}

describeOnKernels(
  'NVMe reservations',
  labSetups.nvme,
  (lab) => {
    test("are the host's, whatever controller is used or lost", async () => {
      const { host } = lab;
      expect(await host.run('nvme list-subsys')).toMatch(/loop[^]*tcp/);
      await host.run(`
        nvme resv-register /dev/nvme0n1 --nrkey=0xa1 --rrega=0
        nvme resv-acquire /dev/nvme0n1 --crkey=0xa1 --rtype=3 --racqa=0`);
      const held = await report(host);
      expect(held).toMatchObject({ rtype: 3, regctlext: [{ rcsts: 1, rkey: 0xa1 }] });

      await host.run('nvme disconnect --device nvme0');
      expect(await report(host)).toEqual(held);
      await host.run(`
        dd if=/dev/zero of=/dev/nvme0n1 bs=4k count=1 oflag=direct
        nvme resv-release /dev/nvme0n1 --crkey=0xa1 --rtype=3 --rrela=0
        nvme resv-register /dev/nvme0n1 --crkey=0xa1 --rrega=1`);
      expect(await report(host)).toMatchObject({ rtype: 0, regctlext: [] });
    });

    test('the namespace is open to holdfast by the udev rule', async () => {
      expect(await lab.host.run('stat -c "%U:%G %a" /dev/nvme0n1')).toBe('root:holdfast 660\n');
    });
  },
  ['7'],
);
