/**
 * What libmpathpersist got wrong and mended between 0.11 and 0.14, as its history tells it: one scenario
 * each. The guest's key is a1, another host's f2, the type 5 unless said otherwise.
 */
import { type FanOutStage } from './fan-out-stage.js';

export interface Scenario {
  /** What must be true. */
  name: string;
  /** @returns what was seen: answers, and states as FanOutStage has them, parted by semicolons */
  run: (stage: FanOutStage) => Promise<string>;
  right: string;
}

const type = 5;
const allRegistrants = 7;

const register = (key: string, newKey: string) => ({ action: 'register', key, newKey }) as const;
const reserve = (as = type) => ({ action: 'reserve', key: 'a1', type: as }) as const;
const release = (as = type) => ({ action: 'release', key: 'a1', type: as }) as const;
const preempt = (victim: string, as = type) =>
  ({ action: 'preempt', key: 'a1', victim, type: as }) as const;

/** Both paths with a1, the other host with f2. */
async function registered(stage: FanOutStage): Promise<void> {
  await stage.run(register('0', 'a1'));
  await stage.other('--register --param-sark=f2');
}

/** The same, and one of the paths holds. */
async function holding(stage: FanOutStage): Promise<void> {
  await registered(stage);
  await stage.run(reserve());
}

/** The same, and that path is lost. */
async function holderLost(stage: FanOutStage): Promise<() => Promise<void>> {
  await holding(stage);
  const holder = await stage.holder();
  await stage.lose(holder);
  return () => stage.restore(holder);
}

/** Where arrays, and those who ask them, may differ in how they refuse. */
const orRefused = (answer: string) => (answer === 'good' ? answer : 'refused');

const seen = (...parts: string[]) => parts.join('; ');

export const scenarios: Scenario[] = [
  {
    name: "RELEASE leaves another node's reservation, though both have the same key",
    async run(stage) {
      await stage.run(register('0', 'a1'));
      await stage.other('--register --param-sark=a1');
      await stage.other('--reserve --param-rk=a1 --prout-type=5');
      return seen(await stage.run(release()), await stage.state());
    },
    right: 'good; a1 a1 other a1*',
  },
  {
    name: 'RELEASE while the holder is down keeps all keys, and frees the device',
    async run(stage) {
      const restore = await holderLost(stage);
      const answer = await stage.run(release());
      await restore();
      return seen(answer, await stage.comes('a1 a1 other f2'));
    },
    right: 'good; a1 a1 other f2',
  },
  {
    name: 'RELEASE with the holder down leaves a node that has the same key alone',
    async run(stage) {
      await holding(stage);
      await stage.other('--register --param-rk=f2 --param-sark=a1');
      const holder = await stage.holder();
      await stage.lose(holder);
      const answer = await stage.run(release());
      await stage.restore(holder);
      return seen(orRefused(answer), await stage.comes('a1* a1 other a1'));
    },
    right: 'refused; a1* a1 other a1',
  },
  {
    name: 'RELEASE is not answered with GOOD when every path has failed',
    async run(stage) {
      await holding(stage);
      for (const path of ['1', '2'] as const) await stage.fail(path);
      const answer = await stage.run(release());
      for (const path of ['1', '2'] as const) await stage.restore(path);
      return seen(orRefused(answer), await stage.comes('a1* a1 other f2'));
    },
    right: 'refused; a1* a1 other f2',
  },
  {
    name: 'RELEASE with the wrong type changes nothing',
    async run(stage) {
      await holding(stage);
      return seen(orRefused(await stage.run(release(allRegistrants))), await stage.state());
    },
    right: 'refused; a1* a1 other f2',
  },
  {
    name: 'RELEASE with the wrong type changes nothing while the holder is down',
    async run(stage) {
      const restore = await holderLost(stage);
      const answer = await stage.run(release(allRegistrants));
      await restore();
      return seen(orRefused(answer), await stage.comes('a1* a1 other f2'));
    },
    right: 'refused; a1* a1 other f2',
  },
  {
    name: 'RESERVE tries the next path when the first has just failed',
    async run(stage) {
      await registered(stage);
      await stage.fail('1');
      const answer = await stage.run(reserve());
      await stage.restore('1');
      return seen(answer, await stage.comes('a1* a1 other f2'));
    },
    right: 'good; a1* a1 other f2',
  },
  {
    name: 'REGISTER of a new key while the holder is down moves the reservation to it',
    async run(stage) {
      const restore = await holderLost(stage);
      const answer = await stage.run(register('a1', 'a3'));
      const meanwhile = await stage.state();
      await restore();
      return seen(answer, meanwhile, await stage.comes('a3* a3 other f2'));
    },
    right: 'good; a3* other f2; a3* a3 other f2',
  },
  {
    name: 'REGISTER AND IGNORE of a new key while the holder is down moves it, too',
    async run(stage) {
      const restore = await holderLost(stage);
      const answer = await stage.run({ action: 'register-ignore', newKey: 'a3' });
      const meanwhile = await stage.state();
      await restore();
      return seen(answer, meanwhile, await stage.comes('a3* a3 other f2'));
    },
    right: 'good; a3* other f2; a3* a3 other f2',
  },
  {
    name: 'a change of the key while the holder is down does not preempt a node with the same key',
    async run(stage) {
      await holding(stage);
      await stage.other('--register --param-rk=f2 --param-sark=a1');
      const holder = await stage.holder();
      await stage.lose(holder);
      const answer = await stage.run(register('a1', 'a3'));
      return seen(orRefused(answer), await stage.state());
    },
    right: 'refused; a1* a1 other a1',
  },
  {
    name: 'a path that was away during a change of the key gets the new one',
    async run(stage) {
      await registered(stage);
      await stage.lose('1');
      const answer = await stage.run(register('a1', 'a3'));
      await stage.restore('1');
      return seen(answer, await stage.comes('a3 a3 other f2'));
    },
    right: 'good; a3 a3 other f2',
  },
  {
    name: 'a path that comes back during a registration gets the key',
    async run(stage) {
      await stage.lose('1');
      const [answer] = await Promise.all([stage.run(register('0', 'a1')), stage.restore('1')]);
      return seen(answer, await stage.comes('a1 a1'));
    },
    right: 'good; a1 a1',
  },
  {
    name: 'a path that comes back during a change of the key gets the new one',
    async run(stage) {
      await registered(stage);
      await stage.lose('1');
      const [answer] = await Promise.all([stage.run(register('a1', 'a3')), stage.restore('1')]);
      return seen(answer, await stage.comes('a3 a3 other f2'));
    },
    right: 'good; a3 a3 other f2',
  },
  {
    name: 'a path that comes back after its host was preempted stays unregistered',
    async run(stage) {
      const restore = await holderLost(stage);
      await stage.other('--preempt --param-rk=f2 --param-sark=a1 --prout-type=5');
      await restore();
      return stage.remains();
    },
    right: 'other f2*',
  },
  {
    name: 'a path that comes back after its host has unregistered stays unregistered',
    async run(stage) {
      await registered(stage);
      await stage.lose('1');
      const answer = await stage.run(register('a1', '0'));
      await stage.restore('1');
      return seen(answer, await stage.remains());
    },
    right: 'good; other f2',
  },
  {
    name: 'a stale key on one path is no conflict for the others',
    async run(stage) {
      await registered(stage);
      await stage.behind('2', '--register --param-rk=a1 --param-sark=8');
      const answer = await stage.run(register('a1', 'a3'));
      return seen(answer, await stage.comes('a3 a3 other f2'));
    },
    right: 'good; a3 a3 other f2',
  },
  {
    name: 'a change of the key that fails everywhere leaves the old one, also in memory',
    async run(stage) {
      await registered(stage);
      for (const path of ['1', '2'] as const) await stage.fail(path);
      const answer = await stage.run(register('a1', 'a3'));
      for (const path of ['1', '2'] as const) await stage.restore(path);
      const state = await stage.comes('a1 a1 other f2');
      await stage.lose('1');
      await stage.restore('1');
      const later = await stage.remains();
      return seen(orRefused(answer), state, later);
    },
    right: 'refused; a1 a1 other f2; a1 a1 other f2',
  },
  {
    name: 'a path that dies under REGISTER gets the key when it is back',
    async run(stage) {
      await stage.fail('2');
      const answer = await stage.run(register('0', 'a1'));
      await stage.restore('2');
      return seen(answer, await stage.comes('a1 a1'));
    },
    right: 'good; a1 a1',
  },
  {
    name: 'RESERVE repeated is GOOD, by whatever path it goes',
    async run(stage) {
      await holding(stage);
      return seen(await stage.run(reserve()), await stage.state());
    },
    right: 'good; a1* a1 other f2',
  },
  {
    name: 'RESERVE repeated is GOOD while the holder is down',
    async run(stage) {
      const restore = await holderLost(stage);
      const answers = seen(await stage.run(reserve()), await stage.run(reserve(allRegistrants)));
      await restore();
      return seen(answers, await stage.comes('a1* a1 other f2'));
    },
    right: 'good; reservation-conflict; a1* a1 other f2',
  },
  {
    name: 'PREEMPT of oneself keeps the key on every path',
    async run(stage) {
      await holding(stage);
      return seen(await stage.run(preempt('a1')), await stage.state());
    },
    right: 'good; a1* a1 other f2',
  },
  {
    name: 'PREEMPT of all registrants keeps the key on every path',
    async run(stage) {
      await registered(stage);
      await stage.run(reserve(allRegistrants));
      return seen(await stage.run(preempt('0')), await stage.state());
    },
    right: 'good; a1* a1',
  },
  {
    name: 'unregistering while holding ends the reservation on all paths',
    async run(stage) {
      await holding(stage);
      return seen(await stage.run(register('a1', '0')), await stage.state());
    },
    right: 'good; other f2',
  },
  {
    name: 'unregistering while holding by a path that is down leaves nothing',
    async run(stage) {
      const restore = await holderLost(stage);
      const answer = await stage.run(register('a1', '0'));
      const meanwhile = await stage.state();
      await restore();
      return seen(answer, meanwhile, await stage.remains());
    },
    right: 'good; other f2; other f2',
  },
  {
    name: 'REPORT CAPABILITIES names the types that several paths can carry',
    async run(stage) {
      return (await stage.types()).join(' ') || 'none';
    },
    right: '5 6 7 8',
  },
];
