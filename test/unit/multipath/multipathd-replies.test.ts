import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseMapTopology } from '../../../src/multipath/map-topology.js';
import { isConfig, reservationKeySetting } from '../../../src/multipath/multipathd-config.js';
import { rememberedKey } from '../../../src/multipath/prkeys-file.js';
import { scratchFolder } from '../../support/scratch.js';
import { config, mapJson } from './support/multipathd-replies.js';
import { multipathdWwid } from './support/host-tree.js';

it('reads groups and checker states of a map', () => {
  expect(parseMapTopology(mapJson({ sdb: 'ready', sdc: 'ready' }))).toEqual({
    wwid: multipathdWwid,
    queueing: '5 chk',
    paths: new Map([
      ['sdb', { group: 1, condition: { state: 'up' } }],
      ['sdc', { group: 2, condition: { state: 'up' } }],
    ]),
  });
});

it.each([
  ['faulty', 'down'],
  ['shaky', 'down'],
  ['i/o timeout', 'down'],
  ['ghost', 'ghost'],
  ['i/o pending', 'up'],
  ['delayed', 'up'],
  ['undef', 'up'],
])('takes %s for %s', (checker, state) => {
  const topology = parseMapTopology(mapJson({ sdb: checker }));
  expect(topology?.paths.get('sdb')?.condition.state).toBe(state);
});

it.each(['fail\nmap or partition in use\n', '', '{', '{"map":{}}', '[]', 'null'])(
  'sees that %j is no map',
  (reply) => {
    expect(parseMapTopology(reply)).toBeUndefined();
  },
);

it('finds the reservation_key of a logical unit, its own before the default', () => {
  const other = '3600999';
  expect(reservationKeySetting(config({}), multipathdWwid)).toBeUndefined();
  expect(reservationKeySetting(config({ defaultKey: '"file"' }), multipathdWwid)).toBe('file');
  expect(
    reservationKeySetting(config({ defaultKey: '"file"', ownKey: '0xabc:aptpl' }), multipathdWwid),
  ).toBe('0xabc:aptpl');
  expect(reservationKeySetting(config({ ownKey: '0xabc' }), other)).toBeUndefined();
});

it('tells a configuration from a refusal', () => {
  expect(isConfig(config({}))).toBe(true);
  expect(isConfig('fail\npermission deny: need to be root\n')).toBe(false);
});

it('finds a remembered key, but not one that was removed', () => {
  const file = join(scratchFolder(), 'prkeys');
  const none = { isReadable: true, key: undefined };
  expect(rememberedKey(multipathdWwid, file)).toEqual(none);
  writeFileSync(
    file,
    [
      '# Multipath persistent reservation keys, Version : 1.0',
      '# prkey wwid',
      '#x0000000000000bad 3600removed',
      '0X000000000000abc2 3600aptpl',
      `0x000000000000abc1 ${multipathdWwid}`,
      '',
    ].join('\n'),
  );
  expect(rememberedKey(multipathdWwid, file).key).toBe('0x000000000000abc1');
  expect(rememberedKey('3600aptpl', file).key).toBe('0X000000000000abc2');
  expect(rememberedKey('3600removed', file)).toEqual(none);
  expect(rememberedKey('3600', file)).toEqual(none);
  const unreadable = { isReadable: false, key: undefined };
  expect(rememberedKey(multipathdWwid, join(file, 'below'))).toEqual(unreadable);
});
