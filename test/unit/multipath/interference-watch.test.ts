import { expect, it } from 'vitest';
import type { MultipathdClaims } from '../../../src/multipath/interference.js';
import { InterferenceWatch } from '../../../src/multipath/interference-watch.js';

const nothing = { isReadable: true, key: undefined };

/** A watch over a multipathd that answers as `multipathd.says` has it, and its time. */
function setUp(tells = false) {
  const multipathd = {
    says: { kind: 'known', value: undefined } as MultipathdClaims['reservationKey'],
    remembers: nothing as MultipathdClaims['rememberedKey'],
    asked: 0,
  };
  const time = { now: 0 };
  const watch = new InterferenceWatch({
    ask: () => {
      multipathd.asked++;
      const { says: reservationKey, remembers } = multipathd;
      return Promise.resolve({ reservationKey, rememberedKey: remembers });
    },
    map: 'mpatha',
    tells,
    now: () => time.now,
  });
  const obstacle = () => {
    time.now += 1_000;
    return watch.obstacle();
  };
  return { multipathd, time, watch, obstacle };
}

it('finds nothing while multipathd is as it was', async () => {
  const { obstacle } = setUp();
  expect(await obstacle()).toBeUndefined();
});

it('finds a multipathd that was not there and starts with a reservation_key, until it is gone', async () => {
  const { multipathd, obstacle } = setUp();
  multipathd.says = { kind: 'absent' };
  expect(await obstacle()).toBeUndefined();
  multipathd.says = { kind: 'known', value: '0x1' };
  expect(await obstacle()).toContain("multipathd's reservation_key for mpatha is 0x1");
  multipathd.says = { kind: 'absent' };
  expect(await obstacle()).toBeUndefined();
});

it('finds a key that mpathpersist has made it remember', async () => {
  const { multipathd, obstacle } = setUp();
  multipathd.remembers = { isReadable: true, key: '0x1' };
  expect(await obstacle()).toContain('multipathd remembers the key 0x1 for mpatha');
});

it('finds a multipathd that begins to keep keys and is not told of them', async () => {
  for (const [tells, found] of [
    [false, true],
    [true, false],
  ] as const) {
    const { multipathd, obstacle } = setUp(tells);
    multipathd.says = { kind: 'known', value: 'file' };
    expect((await obstacle()) !== undefined).toBe(found);
  }
});

it('keeps to what was known while it does not answer', async () => {
  const { multipathd, obstacle } = setUp();
  multipathd.says = { kind: 'unknown', reason: 'no answer within 4000 ms' };
  expect(await obstacle()).toBeUndefined();
  multipathd.says = { kind: 'known', value: '0x1' };
  await obstacle();
  multipathd.says = { kind: 'unknown', reason: 'no answer within 4000 ms' };
  expect(await obstacle()).toContain('reservation_key');
});

it('asks once for many, and not again within a second', async () => {
  const { multipathd, time, watch } = setUp();
  await Promise.all([watch.obstacle(), watch.obstacle()]);
  time.now += 999;
  await watch.obstacle();
  expect(multipathd.asked).toBe(1);
  time.now += 1;
  await watch.obstacle();
  expect(multipathd.asked).toBe(2);
});
