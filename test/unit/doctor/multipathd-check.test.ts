import { expect, it } from 'vitest';
import { checkMultipathd, type MultipathdFacts } from '../../../src/doctor/multipathd-check.js';
import { parseMapTopology } from '../../../src/multipath/map-topology.js';
import { mapJson } from '../multipath/support/multipathd-replies.js';
import { bad, better } from './support/findings.js';

const known = <T>(value: T) => ({ kind: 'known', value }) as const;
const absent = { kind: 'absent' } as const;

function facts(changes: Partial<MultipathdFacts> = {}): MultipathdFacts {
  return {
    map: 'mpatha',
    topology: topology('5 chk'),
    reservationKey: known(undefined),
    rememberedKey: { isReadable: false, key: undefined },
    tells: false,
    ...changes,
  };
}

function topology(queueing: string): MultipathdFacts['topology'] {
  const parsed = parseMapTopology(mapJson({ sdb: 'ready' }, queueing));
  return parsed === undefined ? absent : known(parsed);
}

it('is content with one that keeps no keys and queues for a while', () => {
  expect(checkMultipathd(facts()).map(({ verdict, what }) => [verdict, what])).toEqual([
    ['good', 'it leaves the registrations of mpatha alone'],
    ['good', 'no_path_retry ends queueing (now: 5 chk)'],
  ]);
});

it('refuses one that would register keys itself, unless we are who tells it which', () => {
  const reservationKey = known('file');
  const [finding] = checkMultipathd(facts({ reservationKey }));
  expect(finding).toMatchObject({
    verdict: 'bad',
    why: 'a fenced guest could come back, so holdfast refuses the reservations of this device, and makes the guest that it serves already wait from the next change of a path on',
    advice: 'remove reservation_key from multipath.conf and run "multipathd reconfigure"',
  });
  expect(bad(checkMultipathd(facts({ reservationKey, tells: true })))).toEqual([]);
});

it('warns of endless queueing, and of one that does not run or does not answer', () => {
  expect(better(checkMultipathd(facts({ topology: topology('on') })))).toEqual([
    'no_path_retry is queue: I/O waits for ever while no path is left',
  ]);
  expect(better(checkMultipathd(facts({ topology: absent, reservationKey: absent })))).toEqual([
    'it does not run',
  ]);
  const unknown = { kind: 'unknown', reason: 'it has no map dm-0' } as const;
  expect(better(checkMultipathd(facts({ topology: unknown })))).toEqual([
    'it does not tell its view of the map (it has no map dm-0)',
  ]);
});
