/** Another process goes on serving a guest that has reservations of the device. */
import { expect, test } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../support/persistent-reservations.js';
import { labSetups } from './support/lab-setup.js';
import { asOther, registered, targetState } from './support/reservations.js';
import { ScriptedGuest } from './support/scripted-guest.js';
import { guestKey as key } from './support/served-map.js';
import { describeOnKernels } from './support/use-lab.js';

const options = `--device scsi --scsi-config --pr device --blk-file $map --socket-path guest.sock \\
  --initiator-name iqn.2026-11.org.example:node1 --control-socket control.sock`;
const next = `spawn next $as_holdfast node /opt/holdfast/dist/cli/main.js serve ${options} --takeover`;
const patience = { timeout: 1_800_000 };

describeOnKernels(
  'a takeover with reservations of the device',
  labSetups.loop,
  (lab) => {
    async function reserved(): Promise<ScriptedGuest> {
      await lab.host.run(`serve ${options}`);
      const guest = await ScriptedGuest.attach(lab.host);
      expect(await guest.insist({ action: 'register', newKey: key })).toBe('good');
      expect(await guest.insist({ action: 'reserve', key, type })).toBe('good');
      await asOther(lab.host, '--register --param-sark=f1');
      await registered(lab.host, 'a1', 2);
      return guest;
    }

    /** Writes until told to stop; what the writes were answered. */
    function writing(guest: ScriptedGuest): () => Promise<Set<string>> {
      const answers = new Set<string>();
      const stop = new AbortController();
      const running = (async () => {
        for (let lba = 0; !stop.signal.aborted; lba = (lba + 1) % 64) {
          answers.add(await guest.write(lba, 1));
        }
      })();
      return async () => {
        stop.abort();
        await running;
        return answers;
      };
    }

    test('the guest writes on, is registered and can be fenced', patience, async () => {
      const { host } = lab;
      const guest = await reserved();
      const stop = writing(guest);
      await host.run(`cd /run/holdfast; ${next}; logged next 'taken over'`);
      await host.run("wait_for '! running serve'");
      expect(await stop()).toEqual(new Set(['good']));
      console.log(await host.run('grep -o "pauseMilliseconds[^,]*" $logs/serve.log'));
      expect((await targetState(host)).keys).toEqual(['a1', 'a1', 'f1']);

      // A path that comes back is the new process's to repair.
      await host.run(`
        loop_transport 1 offline
        wait_for '[ $(ready_paths) = 1 ]'
        sg_persist -n --out --register --param-rk=a1 --param-sark=0 /dev/lab/path1-sg || true
        loop_transport 1 online
        wait_for '[ $(ready_paths) = 2 ]'`);
      await registered(host, 'a1', 2);
      await asOther(host, `--preempt --param-rk=f1 --param-sark=a1 --prout-type=${type}`);
      expect(await guest.write(0, 2)).not.toBe('good');
      expect(await guest.keys()).toEqual(['f1']);
      expect(await guest.write(0, 2)).toBe('conflict');
    });

    test('that fails leaves the first process with all of it', patience, async () => {
      const { host } = lab;
      const guest = await reserved();
      const stop = writing(guest);
      // Killed as soon as it has been told of the guest, or just after.
      await host.run(
        `cd /run/holdfast; ${next}
        logged serve 'is to take over'
        kill -9 $(cat $logs/next.pid)
        logged serve 'going on here'`,
      );
      expect(await stop()).toEqual(new Set(['good']));
      expect(await guest.insist({ action: 'release', key, type })).toBe('good');
      expect(await guest.insist({ action: 'register', key, newKey: 0n })).toBe('good');
      expect(await targetState(host)).toEqual({ keys: ['f1'], reserved: false });
    });
  },
  ['6.12'],
);
