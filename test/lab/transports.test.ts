/** Each transport on real devices, as a user without any capability; the target's own view beside it. */
import { expect, test } from 'vitest';

import { labKernels } from '../support/images.js';
import { allRounds } from '../support/rounds.js';
import { labSetups } from './support/lab-setup.js';
import { keysOf, targetView } from './support/reservations.js';
import {
  awaitFile,
  conflict,
  diskNames,
  drive,
  execute,
  flags,
  good,
  noCapability,
  preempt,
  read,
  register,
  reserve,
  wero,
} from './support/transport-steps.js';
import { describeOnKernels } from './support/use-lab.js';

const rawIo = `setpriv --reuid holdfast --regid holdfast --clear-groups --no-new-privs \\
  --inh-caps=-all,+sys_rawio --ambient-caps=+sys_rawio --bounding-set=-all,+sys_rawio`;
const typeText = 'Write Exclusive, registrants only';

describeOnKernels(
  'transports to a SCSI disk',
  labSetups.loop,
  (lab, kernel) => {
    test('sg carries every command without any capability', async () => {
      const { host } = lab;
      const [first = '', second = ''] = await diskNames(host);
      const results = await drive(
        host,
        [{ name: first }, { name: second }],
        [
          { disk: 0, action: 'probe' },
          { disk: 0, action: 'identify' },
          register(0, '0', '0xa1'),
          register(1, '0', '0xa1'),
          register(1, '0', '0xb2'),
          reserve(0),
          read(1, 'read-keys'),
          read(1, 'read-full-status'),
          read(1, 'report-capabilities'),
          execute(0, { action: 'reserve', prkey: '0xa1', ...wero, type: undefined }),
        ],
      );
      expect(results.slice(0, 2)).toMatchObject([{ chosen: 'sg' }, { chosen: 'sg' }]);
      expect(results.slice(2, 8)).toEqual([good, 'same', good, good, conflict, good]);
      expect(results.slice(8)).toMatchObject([
        { outcome: { data: { generation: 2, keys: ['0xa1', '0xa1'] } } },
        { outcome: { data: { registrations: [{ reservation: wero }, {}] } } },
        { outcome: { data: { capabilities: { persistThroughPowerLoss: true } } } },
        { outcome: { status: 'check-condition', sense: { senseKey: 5 } } },
      ]);
      const target = await targetView(host, '/dev/lab/other-sg');
      expect(keysOf(target)).toEqual(['a1', 'a1']);
      expect(target.map(({ holds }) => holds).filter(Boolean)).toEqual([
        expect.stringContaining(typeText),
      ]);
    });

    test('who may use sd and <linux/pr.h>', async () => {
      const { host } = lab;
      const [name = ''] = await diskNames(host);
      const disks = [
        { name, kind: 'sd' },
        { name, kind: 'linux-pr' },
      ];
      const [sd, linuxPr] = await drive(host, disks, []);
      expect(sd).not.toHaveProperty('chosen');
      expect(sd).toMatchObject({
        tried: [{ improvement: expect.stringContaining('RAWIO') as string }],
      });
      // Linux lets those who may write a disk change its reservations since 6.5 or so, read since 6.19.
      if (kernel === '6.1') expect(linuxPr).not.toHaveProperty('chosen');
      else expect(linuxPr).toMatchObject({ chosen: 'linux-pr', limits: { reads: kernel === '7' } });

      const [report, ...outcomes] = await drive(
        host,
        [{ name, kind: 'sd' }],
        [register(0, '0', '0xa1'), reserve(0), { disk: 0, action: 'identify' }],
        rawIo,
      );
      expect(report).toMatchObject({ chosen: 'sd' });
      expect(outcomes).toEqual([good, good, 'same']);
      expect(keysOf(await targetView(host, '/dev/lab/other-sg'))).toEqual(['a1']);
    });

    test('<linux/pr.h> changes what it can say', async () => {
      const { host } = lab;
      const [name = ''] = await diskNames(host);
      await host.run('sg_turs /dev/lab/other-sg; sg_persist -n -o -I -S f1 /dev/lab/other-sg');
      const [, ...outcomes] = await drive(
        host,
        [{ name, kind: 'linux-pr' }],
        [
          { disk: 0, action: 'probe' },
          { disk: 0, action: 'identify' },
          register(0, '0', '0xa1'),
          register(0, '0xee', '0xb2'),
          reserve(0),
          preempt(0, '0xf1'),
          read(0, 'read-full-status'),
          read(0, 'read-reservation'),
        ],
        kernel === '6.1' ? '' : noCapability,
      );
      const refused = { outcome: { sense: { senseKey: 5, asc: 0x24 } } };
      expect(outcomes.slice(0, 6)).toEqual([good, 'same', good, conflict, good, good]);
      expect(outcomes.slice(6)).toMatchObject([
        refused,
        kernel === '7'
          ? { outcome: { data: { reservation: { key: '0xa1', ...wero } } } }
          : { kind: 'not-sent' },
      ]);
      expect(await targetView(host, '/dev/lab/path1-sg')).toMatchObject([
        { key: 'a1', holds: expect.stringContaining(typeText) as string },
      ]);
    });
  },
  allRounds ? labKernels : ['6.12', '7'],
);

describeOnKernels(
  'transports to a SCSI disk, whatever the kernel',
  labSetups.loop,
  (lab) => {
    test('qemu-pr-helper carries them for a user who has the disk only', async () => {
      const { host } = lab;
      const [name = ''] = await diskNames(host);
      const helperSocket = '/run/pr-helper.sock';
      await host.run(`
        spawn pr-helper qemu-pr-helper --socket ${helperSocket}
        wait_for '[ -S ${helperSocket} ]'
        chmod 666 ${helperSocket}`);
      const [report, ...outcomes] = await drive(
        host,
        [{ name, kind: 'pr-helper', helperSocket }],
        [
          { disk: 0, action: 'probe' },
          { disk: 0, action: 'identify' },
          register(0, '0', '0xa1'),
          register(0, '0', '0xb2'),
          reserve(0),
          read(0, 'read-keys'),
          read(0, 'read-full-status'),
        ],
      );
      expect(report).toMatchObject({ chosen: 'pr-helper' });
      expect(outcomes.slice(0, 5)).toEqual([good, 'same', good, conflict, good]);
      expect(outcomes.slice(5)).toMatchObject([
        { outcome: { data: { keys: ['0xa1'] } } },
        { outcome: { data: { registrations: [{ key: '0xa1', reservation: wero }] } } },
      ]);
      expect(keysOf(await targetView(host, '/dev/lab/other-sg'))).toEqual(['a1']);
    });

    test('a path that is offline sends nothing, and is the same when it is back', async () => {
      const { host } = lab;
      const [name = ''] = await diskNames(host);
      const driving = drive(
        host,
        [{ name }],
        [
          register(0, '0', '0xa1'),
          awaitFile('offline'),
          reserve(0),
          { disk: 0, action: 'identify' },
          awaitFile('online'),
          { disk: 0, action: 'identify' },
          // Takes up the unit attention of the nexus' loss, unless multipathd has.
          { disk: 0, action: 'probe' },
          reserve(0),
        ],
      );
      await host.run(`
        wait_for '[ -e /run/transports/offline.awaited ]'
        loop_transport 1 offline
        touch /run/transports/offline
        wait_for '[ -e /run/transports/online.awaited ]'
        loop_transport 1 online
        touch /run/transports/online`);
      const [, ...outcomes] = await driving;
      expect(outcomes[0]).toEqual(good);
      expect(outcomes.slice(2, 4)).toMatchObject([{ kind: 'not-sent' }, 'unknown']);
      expect([outcomes[5], outcomes[7]]).toEqual(['same', good]);
    });
  },
  ['6.12'],
);

describeOnKernels(
  'transports to a disk that falls silent',
  labSetups.iscsi,
  (lab) => {
    test('a command inside a black hole is unsettled, holds up no other path, and comes back', async () => {
      const { host } = lab;
      const [first = '', second = ''] = await diskNames(host);
      const driving = drive(
        host,
        [{ name: first }, { name: second }],
        [
          register(0, '0', '0xa1'),
          register(1, '0', '0xa1'),
          awaitFile('dark'),
          { ...register(0, '0xa1', '0xa2'), withinMs: 500 },
          read(1, 'read-keys'),
          reserve(1),
          read(0, 'read-keys'),
          { disk: 0, action: 'probe' },
          awaitFile('healed'),
          { disk: 0, action: 'settle' },
          read(0, 'read-keys'),
        ],
      );
      await host.run(`
        wait_for '[ -e /run/transports/dark.awaited ]'
        black_hole 127.0.0.1
        touch /run/transports/dark
        wait_for '[ -e /run/transports/healed.awaited ]'
        heal
        touch /run/transports/healed`);
      const [, , ...outcomes] = await driving;
      expect(outcomes.slice(0, 2)).toEqual([good, good]);
      expect(outcomes.slice(3, 8)).toMatchObject([
        { kind: 'unsettled' },
        { outcome: { data: { keys: ['0xa1', '0xa1'] } } },
        good,
        { kind: 'not-sent' },
        { kind: 'not-sent' },
      ]);
      // Healed before anything has noticed, the command arrives late (evidence 1a).
      expect(outcomes[9]).toEqual(good);
      expect(outcomes[10]).toMatchObject({ outcome: { data: { keys: ['0xa2', '0xa1'] } } });
    });

    test('a path without a session sends nothing', async () => {
      const { host } = lab;
      const [first = ''] = await diskNames(host);
      const driving = drive(
        host,
        [{ name: first }],
        [register(0, '0', '0xa1'), awaitFile('dark'), reserve(0)],
      );
      await host.run(`
        wait_for '[ -e /run/transports/dark.awaited ]'
        black_hole 127.0.0.1
        wait_for 'grep -q transport-offline $(iscsi_device 127.0.0.1)/state'
        touch /run/transports/dark`);
      const [, registered, , reserved] = await driving;
      expect([registered, reserved]).toMatchObject([good, { kind: 'not-sent' }]);
    });
  },
  ['6.12'],
);

describeOnKernels(
  'transports to an NVMe namespace',
  labSetups.nvme,
  (lab) => {
    const name = 'nvme0n1';
    const invalidRelease = { outcome: { sense: { senseKey: 5, asc: 0x26, ascq: 4 } } };
    const registeredHosts = async () => {
      const report = await lab.host.run('nvme resv-report /dev/nvme0n1 --eds -o json');
      const { regctlext } = JSON.parse(report) as { regctlext: { rkey: number; rcsts: number }[] };
      return regctlext.map(({ rkey, rcsts }) => [rkey, rcsts]);
    };

    test('passthrough carries every command without any capability', async () => {
      const ignoring = (serviceActionKey: string) =>
        execute(0, { action: 'register-and-ignore-existing-key', serviceActionKey, ...flags });
      const [report, ...outcomes] = await drive(
        lab.host,
        [{ name }],
        [
          { disk: 0, action: 'probe' },
          { disk: 0, action: 'identify' },
          register(0, '0', '0xee'),
          register(0, '0', '0xee'),
          ignoring('0xa1'),
          reserve(0),
          execute(0, { action: 'release', prkey: '0xa1', ...wero, type: 'write-exclusive' }),
          read(0, 'read-full-status'),
        ],
      );
      expect(report).toMatchObject({ chosen: 'nvme', limits: { hostWide: true } });
      expect(outcomes.slice(0, 6)).toEqual([good, 'same', good, conflict, good, good]);
      expect(outcomes.slice(6)).toMatchObject([
        invalidRelease,
        {
          outcome: {
            data: {
              registrations: [
                {
                  key: '0xa1',
                  nexus: {
                    transportId: {
                      name: 'iqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555',
                    },
                  },
                  reservation: wero,
                },
              ],
            },
          },
        },
      ]);
      expect(await registeredHosts()).toEqual([[0xa1, 1]]);

      // It is the host's, also through the controller that is left; and it can be taken back.
      await lab.host.run('nvme disconnect --device nvme0');
      const [, ...later] = await drive(
        lab.host,
        [{ name }],
        [
          execute(0, { action: 'release', prkey: '0xa1', ...wero }),
          register(0, '0xa1', '0'),
          read(0, 'read-keys'),
        ],
      );
      expect(later.slice(0, 2)).toEqual([good, good]);
      expect(later[2]).toMatchObject({ outcome: { data: { keys: [] } } });
      expect(await registeredHosts()).toEqual([]);
    });

    test('PREEMPT of a holder removes another host', async () => {
      await lab.host.run(`
        other=22222222-2222-3333-4444-555555555555
        nvme connect --nqn $nvme_name --hostid $other --transport loop \\
          --hostnqn nqn.2014-08.org.nvmexpress:uuid:$other
        wait_for '[ -c /dev/nvme2 ]'
        nvme resv-register /dev/nvme2 --namespace-id=1 --nrkey=0xf1 --rrega=0`);
      const [, ...outcomes] = await drive(
        lab.host,
        [{ name }],
        [register(0, '0', '0xa1'), reserve(0), preempt(0, '0xf1')],
      );
      expect(outcomes).toEqual([good, good, good]);
      expect(await registeredHosts()).toEqual([[0xa1, 1]]);
    });

    test('<linux/pr.h> can’t take a registration back, and says so', async () => {
      const [report, ...outcomes] = await drive(
        lab.host,
        [{ name, kind: 'linux-pr' }],
        [
          { disk: 0, action: 'probe' },
          { disk: 0, action: 'identify' },
          register(0, '0', '0xa1'),
          reserve(0),
          read(0, 'read-reservation'),
          register(0, '0xa1', '0'),
        ],
      );
      expect(report).toMatchObject({ chosen: 'linux-pr', limits: { hostWide: true } });
      expect(outcomes.slice(0, 4)).toEqual([good, 'same', good, good]);
      expect(outcomes.slice(4)).toMatchObject([
        { outcome: { data: { reservation: { key: '0xa1', ...wero } } } },
        { outcome: { sense: { senseKey: 5, asc: 0x26, ascq: 0 } } },
      ]);
      expect(await registeredHosts()).toEqual([[0xa1, 1]]);
    });
  },
  ['7'],
);
