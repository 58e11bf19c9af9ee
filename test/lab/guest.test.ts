/** holdfast in a lab machine, without privileges, and a guest on the disk it serves. */
import { expect, test } from 'vitest';

import { LabGuest } from './support/lab-guest.js';
import { labSetups } from './support/lab-setup.js';
import { describeOnKernels } from './support/use-lab.js';

describeOnKernels(
  'holdfast on a multipath map',
  labSetups.loop,
  (lab) => {
    test('a guest of a server without privileges writes, verifies and reserves', async () => {
      const { host } = lab;
      await host.run(`serve --socket-path guest.sock --device scsi --scsi-config --blk-file $map \\
      --reservation-state /run/holdfast/reservations`);
      expect(
        await host.run('grep -E "^(Uid|CapEff|NoNewPrivs)" /proc/$(cat $logs/serve.pid)/status'),
      ).toBe('Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n');

      const guest = await LabGuest.boot(host, 1, '/run/holdfast/guest.sock');
      const written = await guest.run(`
      dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null
      dd if=/tmp/data of=/dev/sda bs=64k oflag=direct 2>/dev/null
      dd if=/dev/sda bs=64k count=64 iflag=direct 2>/dev/null | cmp - /tmp/data
      md5sum </tmp/data`);
      expect(
        await host.run('dd if=/dev/lab/path2 bs=64k count=64 iflag=direct 2>/dev/null | md5sum'),
      ).toBe(written);

      await guest.run(`
      sg_turs /dev/sda
      sg_persist -n --out --register --param-sark=a1 /dev/sda
      sg_persist -n --out --reserve --param-rk=a1 --prout-type=5 /dev/sda`);
      expect(await guest.run('sg_persist -n --in --read-reservation /dev/sda')).toMatch(/Key=0xa1/);
      expect(await host.run('sg_persist -n --in -k /dev/lab/path1-sg')).toMatch('NO registered');
    });
  },
  ['6.12'],
);
