import { expect, it } from 'vitest';
import type { MultipathdReply } from '../../../src/multipath/multipathd-client.js';
import { MultipathdNotices } from '../../../src/multipath/registration-notices.js';

function notices(answer: (command: string) => MultipathdReply) {
  const commands: string[] = [];
  const client = {
    ask: (command: string) => {
      commands.push(command);
      return Promise.resolve(answer(command));
    },
  };
  return { commands, notices: new MultipathdNotices(client, 'dm-0') };
}

const ok: MultipathdReply = { kind: 'answered', text: 'ok\n' };
const fail: MultipathdReply = { kind: 'answered', text: 'fail\n' };

it('tells a registration in the order of libmpathpersist', async () => {
  const { commands, notices: told } = notices(() => ok);
  expect(await told.registering(0xabc1n, true)).toBe(true);
  await told.registered(['sdb', 'sdc']);
  await told.reserved(true);
  await told.reserved(false);
  await told.registering(0n, false);
  await told.unregistered();
  expect(commands).toEqual([
    'setprkey map dm-0 key abc1:aptpl',
    'setprstatus map dm-0 pathlist "sdb sdc"',
    'setprhold map dm-0',
    'unsetprhold map dm-0',
    'unsetprkey map dm-0',
    'unsetprstatus map dm-0',
  ]);
});

it('does without the list of paths where multipathd knows none', async () => {
  const { commands, notices: told } = notices((text) => (text.includes('pathlist') ? fail : ok));
  await told.registered(['sdb']);
  expect(commands).toEqual(['setprstatus map dm-0 pathlist "sdb"', 'setprstatus map dm-0']);
});

it.each<[string, MultipathdReply]>([
  ['refuses', fail],
  ['is gone', { kind: 'absent' }],
  ['does not answer', { kind: 'failed', reason: 'no answer within 1000 ms' }],
])('lets nothing be registered when multipathd %s', async (_, reply) => {
  const { notices: told } = notices(() => reply);
  expect(await told.registering(1n, false)).toBe(false);
});
