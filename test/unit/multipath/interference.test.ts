import { expect, it } from 'vitest';
import { interference } from '../../../src/multipath/interference.js';

const none = { isReadable: true, key: undefined };
const known = (value: string | undefined) => ({ kind: 'known', value }) as const;

it('sees nothing in the way where multipathd keeps no key, or does not run', () => {
  for (const reservationKey of [known(undefined), { kind: 'absent' } as const]) {
    const claims = { reservationKey, rememberedKey: none };
    expect(interference(claims, 'mpatha', false)).toBeUndefined();
  }
});

it('needs no look into a file that multipathd does not use', () => {
  const claims = {
    reservationKey: known(undefined),
    rememberedKey: { ...none, isReadable: false },
  };
  expect(interference(claims, 'mpatha', false)).toBeUndefined();
});

it('refuses a configured key, whoever asks', () => {
  const claims = { reservationKey: known('0x1:aptpl'), rememberedKey: none };
  for (const tells of [false, true]) {
    expect(interference(claims, 'mpatha', tells)).toEqual({
      what: "multipathd's reservation_key for mpatha is 0x1:aptpl: it would register keys on returning paths by itself, also for a guest that was fenced",
      advice: 'remove reservation_key from multipath.conf and run "multipathd reconfigure"',
    });
  }
});

it('refuses keys from the file, unless we are who writes them', () => {
  const claims = { reservationKey: known('file'), rememberedKey: none };
  expect(interference(claims, 'mpatha', false)?.what).toContain('for mpatha is file');
  expect(
    interference({ ...claims, rememberedKey: { ...none, key: '0x1' } }, 'mpatha', true),
  ).toBeUndefined();
});

it('refuses a remembered key', () => {
  const remembered = { isReadable: true, key: '0x000000000000abc1' };
  const claims = { reservationKey: known(undefined), rememberedKey: remembered };
  expect(interference(claims, 'mpatha', false)).toEqual({
    what: 'multipathd remembers the key 0x000000000000abc1 for mpatha from an earlier use of mpathpersist',
    advice: 'run "multipathd unsetprkey map mpatha"',
  });
});

it('refuses while multipathd runs but does not tell', () => {
  const reservationKey = { kind: 'unknown', reason: 'no answer within 1000 ms' } as const;
  expect(interference({ reservationKey, rememberedKey: none }, 'mpatha', false)?.what).toBe(
    "multipathd runs but can't be asked for its reservation_key (no answer within 1000 ms)",
  );
});
