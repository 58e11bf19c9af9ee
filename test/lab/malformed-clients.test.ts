/** Clients of holdfast prd that keep to neither of its protocols. */
import { expect, test } from 'vitest';

import { bring } from './support/bring.js';
import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { startPrd } from './support/prd.js';
import { targetView } from './support/reservations.js';
import { describeOnKernels } from './support/use-lab.js';

const socket = '/run/holdfast/prd.sock';
const prHelperSocket = '/run/holdfast/pr-helper.sock';

/** See QEMU's docs/interop/pr-helper.rst. */
const prHelperOutcomes = `
unknown features: closed
no descriptor: closed
two descriptors: closed
many descriptors: closed
descriptor with features: closed
descriptor with list: closed
other command: closed
long list: closed
long allocation: closed
short list: status 02 5/1a/00
empty list: status 02 5/1a/00
too much data: closed
read only: status 02 5/20/00
not a device: status 02 5/20/00
half features: closed
half cdb: closed
half list: closed
`;

/** See src/prd/PROTOCOL.md. */
const prdOutcomes = `
not json: error -32700
not a request: error -32600
no hello: error -32001
other version: error -32002
unknown method: error -32601
no descriptor: error -32003
descriptor with another request: closed
two descriptors: closed
many descriptors: closed
not a device: error -32004
read only: error -32006
unknown handle: error -32007
another command: status 02 5/20/00
wrong parameters: error -32602
endless line: closed
half message: closed
`;

async function misbehave(host: LabMachine, at: string, protocol: string): Promise<string> {
  await bring(host, 'malformed-client.py');
  return host.run(`$as_holdfast python3 -IS /run/malformed-client.py ${at} $map ${protocol}`);
}

/** Descriptors and threads of the daemon, when they are what they were. */
const figures =
  'echo $(ls /proc/$(cat $logs/prd.pid)/fd | wc -l) $(ls /proc/$(cat $logs/prd.pid)/task | wc -l)';

describeOnKernels(
  'clients of holdfast prd that keep to no protocol',
  labSetups.loop,
  (lab) => {
    test('are closed or refused as specified, and leave nothing behind', async () => {
      const { host } = lab;
      await startPrd(host, { socket, prHelperSocket });
      // A round of each, for what is made once and kept.
      for (let round = 0; round < 2; round += 1) {
        const before = (await host.run(figures)).trim();
        expect(await misbehave(host, prHelperSocket, 'pr-helper')).toBe(prHelperOutcomes.slice(1));
        expect(await misbehave(host, socket, 'prd')).toBe(prdOutcomes.slice(1));
        if (round > 0) await host.run(`wait_for '[ "$(${figures})" = "${before}" ]'`);
        console.log(
          `descriptors and threads of prd before and after: ${before}, ${await host.run(figures)}`,
        );
      }
      expect(await targetView(host, '/dev/lab/other-sg')).toEqual([]);
      expect(await host.run('grep -c "this is a bug" $logs/prd.log || true')).toBe('0\n');
    });
  },
  ['6.12'],
);
