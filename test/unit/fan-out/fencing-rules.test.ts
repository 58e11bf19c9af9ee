/** The rules that keep fencing true, by their numbers. */
import { beforeEach, describe, expect, it } from 'vitest';
import { DeviceReservations } from '../../../src/fan-out/device-reservations.js';
import {
  clear,
  preempt,
  readKeys,
  register,
  registerAndIgnore,
  registerAndMove,
  release,
  release6,
  replaceLostReservation,
  reportCapabilities,
  reserve,
  reserve6,
} from '../emulated/support/commands.js';
import { nexusNamed } from '../emulated/support/reservations.js';
import { idle } from './support/scheduler.js';
import { allRegistrants, registrantsOnly } from './support/situations.js';
import { foreign, guest, World } from './support/world.js';

let world: World;

beforeEach(async () => {
  world = await World.open();
});

async function holding(): Promise<void> {
  await world.registered();
  world.other(register(0n, 2n));
  await world.run(reserve(1n, registrantsOnly));
  world.gate.log.length = 0;
}

describe('rule 3: registration epochs', () => {
  it('closes and drains before the first REGISTER, and begins an epoch', async () => {
    world.gate.log.length = 0;
    let isOpen = true;
    world.path('a').beforeOut = () => {
      isOpen = world.gate.isOpen;
    };
    await world.registered();
    expect(isOpen).toBe(false);
    expect(world.gate.log.slice(0, 3)).toEqual(['close', 'drain', 'epoch']);
    expect(world.gate.log.at(-1)).toBe('open');
  });

  it('is BUSY, and nothing is sent, while an older write is inside the kernel', async () => {
    world.gate.drains = false;
    expect(await world.run(register(0n, 1n))).toBe('busy');
    expect(world.array.log).toEqual([]);
    expect(world.gate.isOpen).toBe(true);
    world.gate.drains = true;
    expect(await world.run(register(0n, 1n))).toBe('good');
  });

  it('answers what met a conflict before the guest was fenced with the conflict', async () => {
    await holding();
    world.other(preempt(2n, 1n, registrantsOnly));
    world.gate.meetConflict();
    await world.quiet();
    expect(world.gate.verdicts).toEqual(['conflict']);
  });

  it('never sends again what passed in an earlier epoch', async () => {
    await holding();
    const before = world.gate.epoch;
    world.other(preempt(2n, 1n, registrantsOnly));
    await world.keys();
    world.attentions();
    await world.registered();
    expect(world.gate.epoch).toBeGreaterThan(before);
  });
});

describe('rule 8: repair by witness only', () => {
  it('registers a path again while another registration is there, gate closed', async () => {
    await holding();
    await world.fail('b');
    world.other(clear(1n), world.path('b').nexus);
    world.other(register(0n, 1n), world.path('a').nexus);
    await world.heal('b');
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(world.gate.log).toContain('drain');
  });

  it('registers a path that was away for a moment, though nobody says that it is back', async () => {
    world.path('b').condition = 'down';
    await world.registered();
    expect(world.array.text).toBe('a 0x1');
    world.path('b').condition = 'works';
    await world.pass(5_000);
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(world.gate.isOpen).toBe(true);
  });

  it('registers nothing without one', async () => {
    await holding();
    await world.fail('b');
    world.other(preempt(2n, 1n, registrantsOnly));
    await world.heal('b');
    expect(world.array.text).toBe('f 0x2*');
    expect(world.array.log.filter((line) => line.startsWith('b register'))).toHaveLength(1);
  });

  it('takes a dead nexus as a witness', async () => {
    await world.registered();
    world.removePath('a');
    await world.noticePaths();
    world.other(register(1n, 0n), world.path('b').nexus);
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1 b 0x1');
  });

  it('does not repair where another host has the key, too', async () => {
    await holding();
    world.other(register(2n, 1n));
    world.other(register(1n, 0n), world.path('b').nexus);
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1* f 0x1');
    expect(world.gate.isOpen).toBe(true);
  });

  it('waits with the repair until older writes have left the kernel', async () => {
    await holding();
    world.other(register(1n, 0n), world.path('b').nexus);
    world.gate.drains = false;
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1* f 0x2');
    world.gate.drains = true;
    await world.pass(2_000);
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
  });

  it('never sends REGISTER AND IGNORE EXISTING KEY', async () => {
    await world.run(registerAndIgnore(1n));
    await world.run(registerAndIgnore(3n));
    await world.fail('a');
    await world.run(registerAndIgnore(4n));
    await world.heal('a');
    expect(world.array.text).toBe('a 0x4 b 0x4');
    expect(world.array.log.filter((line) => line.includes('ignore'))).toEqual([]);
  });
});

describe('rule 9: nothing left on a path out of reach', () => {
  it('K to N with a path down, N preempted, the path returns', async () => {
    await holding();
    await world.fail('a');
    expect(await world.run(register(1n, 3n))).toBe('good');
    world.other(preempt(2n, 3n, registrantsOnly));
    await world.heal('a');
    expect(world.array.text).toBe('f 0x2*');
  });
});

describe('rule 10: unsettled commands', () => {
  beforeEach(holding);

  it('are answered 0B/08/01 at the deadline', async () => {
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'hangs';
    };
    expect(await world.run(preempt(1n, 2n, registrantsOnly))).toBe('b/08/01');
    expect(world.clock.now()).toBeLessThanOrEqual(5_000);
  });

  it('keep other commands BUSY until they are settled, and PERSISTENT RESERVE IN works', async () => {
    // An all-registrants reservation can't be taken over by preempting oneself: nothing to disarm.
    await world.run(release(1n, registrantsOnly));
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'hangs';
    };
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('b/08/01');
    const asked = world.clock.now();
    expect(await world.run(register(1n, 3n))).toBe('busy');
    expect(await world.keys()).toEqual([1n, 2n]);
    expect(world.clock.now() - asked).toBeLessThanOrEqual(1_000);

    world.path('a').beforeOut = () => undefined;
    await world.heal('a');
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(world.array.text).toBe('a 0x3* b 0x3 f 0x2');
  });

  it.each([
    ['RELEASE', release(1n, registrantsOnly)],
    ['CLEAR', clear(1n)],
    ['PREEMPT', preempt(1n, 2n, registrantsOnly)],
    ['a change of the key', register(1n, 3n)],
    ['unregistering', register(1n, 0n)],
  ])('%s is disarmed from a healthy path, and does nothing at the heal', async (_, command) => {
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'hangs';
    };
    expect(await world.run(command)).toBe('b/08/01');
    await world.pass(100);
    const key = world.array.keyOf(world.path('b').nexus);
    if (key !== 0n) {
      expect(world.array.keyOf(world.path('a').nexus)).toBe(0n);
      expect(await world.run(reserve(key, registrantsOnly))).toBe('good');
    }
    const before = world.array.text;
    world.path('a').beforeOut = () => undefined;
    world.path('a').condition = 'works';
    await world.quiet();
    await world.pass(5_000);
    expect(world.array.text).toBe(key === 0n ? before : `a 0x${key.toString(16)} ${before}`);
  });

  it('keep the gate closed while a REGISTER without key to check is unsettled', async () => {
    await world.run(register(1n, 0n));
    world.path('a').beforeOut = () => {
      world.path('a').condition = 'hangs';
    };
    expect(await world.run(register(0n, 1n))).toBe('b/08/01');
    await world.pass(10_000);
    expect(world.gate.isOpen).toBe(false);
    world.other(preempt(2n, 1n, registrantsOnly));
    world.path('a').beforeOut = () => undefined;
    await world.heal('a');
    await world.pass(5_000);
    expect(world.array.text).toBe('f 0x2');
    expect(world.gate.isOpen).toBe(true);
  });

  it('a hung path delays PERSISTENT RESERVE IN and RESERVE by at most a second', async () => {
    world.path('a').condition = 'mute';
    await world.pass(2_000);
    const before = world.clock.now();
    expect(await world.keys()).toEqual([1n, 2n]);
    expect(world.clock.now() - before).toBeLessThanOrEqual(1_000);
    const then = world.clock.now();
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(world.clock.now() - then).toBeLessThanOrEqual(1_000);
  });
});

describe('rule 11: the wrong logical unit', () => {
  it('a path that leads elsewhere is not used', async () => {
    world.path('a').identity = 'other';
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.array.text).toBe('b 0x1');
    expect(world.notices.join()).toContain('sd-a leads to another logical unit');
  });

  it.each([
    ['29/00 POWER ON', { senseKey: 6, asc: 0x29, ascq: 0 }],
    ['3F/0E REPORTED LUNS DATA HAS CHANGED', { senseKey: 6, asc: 0x3f, ascq: 0x0e }],
  ])('is looked for again after %s', async (_, sense) => {
    await world.registered();
    await world.pass(2_000);
    world.path('a').identity = 'other';
    world.array.establish(world.path('a').nexus, sense);
    world.array.log.length = 0;
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(world.array.log).toEqual(['b register good', 'b preempt good']);
  });

  it('is looked for again after a change of state', async () => {
    await world.registered();
    await world.fail('a');
    world.path('a').identity = 'other';
    await world.heal('a');
    world.array.log.length = 0;
    await world.run(reserve(1n, registrantsOnly));
    expect(world.array.log).toEqual(['b reserve good']);
  });
});

describe('rule 12: own paths are proven', () => {
  it('not while another host registers with the same key at the same time', async () => {
    let once = true;
    world.path('a').afterOut = () => {
      if (once) world.other(register(0n, 1n));
      once = false;
    };
    expect(await world.run(register(0n, 1n))).toBe('good');
    // Which of the two is ours can't be seen: neither folded nor repaired.
    expect(world.array.text).toBe('a 0x1 f 0x1');
    expect(await world.fullStatus()).toBe('a 0x1 f 0x1');
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('f 0x1');
  });

  it('by repeating the REGISTER when another host sent something at the same time', async () => {
    let once = true;
    world.path('a').afterOut = () => {
      if (once) world.other(register(0n, 2n));
      once = false;
    };
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1 f 0x2');
    expect(await world.fullStatus()).toBe('guest 0x1 f 0x2');
    expect(world.array.log.filter((line) => line === 'a register good')).toHaveLength(2);
  });

  it('folds dead nexuses, too', async () => {
    await world.registered();
    world.removePath('a');
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(await world.fullStatus()).toBe('guest 0x1');
  });

  it('shows the guest as the holder through whichever path it holds', async () => {
    await world.registered();
    world.path('a').condition = 'down';
    await world.run(reserve(1n, registrantsOnly));
    expect(world.array.text).toBe('a 0x1 b 0x1*');
    expect(await world.fullStatus()).toBe('guest 0x1*');
  });
});

describe('rule 13: APTPL of the last REGISTER', () => {
  it.each([true, false])('%s is repeated by every repair', async (aptpl) => {
    await world.run(register(0n, 1n, { aptpl }));
    await world.fail('b');
    world.other(register(1n, 0n, { aptpl: !aptpl }), world.path('b').nexus);
    expect(world.array.state.aptpl).toBe(!aptpl);
    await world.heal('b');
    expect(world.array.state.aptpl).toBe(aptpl);
  });
});

describe('rules 14 and 15: what several paths can not carry', () => {
  it.each([
    ['RESERVE WE', reserve(1n, 'write-exclusive'), '5/24/00'],
    ['RESERVE EA', reserve(1n, 'exclusive-access'), '5/24/00'],
    ['PREEMPT WE', preempt(1n, 2n, 'write-exclusive'), '5/24/00'],
    ['SPEC_I_PT', register(1n, 1n, { specIPt: [foreign.transportId] }), '5/26/00'],
    ['ALL_TG_PT', register(1n, 1n, { allTgPt: true }), '5/26/00'],
    ['REPLACE LOST RESERVATION', replaceLostReservation, '5/24/00'],
    ['MOVE to an own path', registerAndMove(1n, 5n, nexusNamed('b').transportId), '5/26/00'],
    ['MOVE to the guest', registerAndMove(1n, 5n, guest.transportId), '5/26/00'],
    ['RESERVE(6)', reserve6, '5/24/00'],
    ['RELEASE(6)', release6, '5/24/00'],
  ])('%s is refused', async (_, command, sense) => {
    await holding();
    world.array.log.length = 0;
    expect(await world.run(command)).toBe(sense);
    expect(world.array.log).toEqual([]);
  });

  it('one path carries every type', async () => {
    world = await World.open({ paths: ['a'] });
    await world.registered();
    expect(await world.run(reserve(1n, 'write-exclusive'))).toBe('good');
  });

  it('REGISTER AND MOVE goes from the path that holds', async () => {
    await holding();
    const command = registerAndMove(1n, 5n, foreign.transportId);
    expect(await world.run(command)).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1 f 0x5*');
  });

  it('REGISTER AND MOVE with UNREG unregisters every path', async () => {
    await holding();
    const command = registerAndMove(1n, 5n, foreign.transportId, { unregister: true });
    expect(await world.run(command)).toBe('good');
    expect(world.array.text).toBe('f 0x5*');
  });

  it('in sequential mode no two REGISTERs are on their way at once', async () => {
    world = await World.open({ paths: ['a', 'b', 'c'], sequential: true });
    await world.registered();
    let most = 0;
    world.choose = (names) => {
      most = Math.max(most, names.filter((name) => name.endsWith(' register')).length);
      return 0;
    };
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(await world.run(register(3n, 0n))).toBe('good');
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1 c 0x1');
    expect(most).toBe(1);
  });

  it('otherwise they are', async () => {
    world = await World.open({ paths: ['a', 'b', 'c'] });
    await world.registered();
    let most = 0;
    world.choose = (names) => {
      most = Math.max(most, names.filter((name) => name.endsWith(' register')).length);
      return 0;
    };
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(most).toBe(3);
  });
});

describe.each([
  ['delivered', false],
  ['swallowed', true],
])('rule 16: unit attentions %s by the kernel', (_, swallows) => {
  beforeEach(async () => {
    await holding();
    world.array.swallowsAttentions = swallows;
  });

  it('own key lost with registrants left: one 2A/05, and the command is not executed', async () => {
    world.other(preempt(2n, 1n, registrantsOnly));
    world.array.log.length = 0;
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('6/2a/05');
    expect(world.array.log).toEqual([]);
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('conflict');
    expect(world.attentions()).toEqual([]);
  });

  it('table empty: one 2A/03', async () => {
    world.other(clear(2n));
    expect(await world.keys()).toEqual([]);
    expect(world.attentions()).toEqual(['6/2a/03']);
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.attentions()).toEqual([]);
  });

  it('reservation released: one 2A/04', async () => {
    await world.run(release(1n, registrantsOnly));
    world.other(reserve(2n, registrantsOnly));
    await world.keys();
    world.other(release(2n, registrantsOnly));
    await world.keys();
    await world.keys();
    expect(world.attentions()).toEqual(['6/2a/04']);
  });

  it('none for what the guest did itself', async () => {
    await world.run(preempt(1n, 2n, registrantsOnly));
    await world.run(release(1n, registrantsOnly));
    await world.run(register(1n, 3n));
    await world.run(clear(3n));
    await world.keys();
    expect(world.attentions()).toEqual([]);
  });

  it('an audit, as TEST UNIT READY asks for it, tells of the change', async () => {
    world.other(preempt(2n, 1n, registrantsOnly));
    await world.until(world.device.audit());
    expect(world.attentions()).toEqual(['6/2a/05']);
  });
});

describe('data that meets a conflict', () => {
  it('is sent again when a path has been repaired', async () => {
    await holding();
    world.other(register(1n, 0n), world.path('b').nexus);
    world.gate.meetConflict();
    expect(world.gate.isOpen).toBe(false);
    await world.quiet();
    expect(world.array.text).toBe('a 0x1* b 0x1 f 0x2');
    expect(world.gate.verdicts).toEqual(['again']);
    expect(world.attentions()).toEqual([]);
  });

  it('is answered with it after three looks that found nothing wrong', async () => {
    await holding();
    for (let times = 0; times < 3; times++) {
      world.gate.meetConflict();
      await world.quiet();
    }
    expect(world.gate.verdicts).toEqual(['again', 'again', 'conflict']);
    expect(world.gate.isOpen).toBe(true);
  });

  it('waits while no path answers', async () => {
    await holding();
    for (const name of ['a', 'b']) world.path(name).condition = 'down';
    world.gate.meetConflict();
    await world.pass(5_000);
    expect(world.gate.verdicts).toEqual([]);
    for (const name of ['a', 'b']) world.path(name).condition = 'works';
    await world.pass(2_000);
    expect(world.gate.verdicts).toEqual(['again']);
  });
});

describe('rule 17: a guest that is known not to be registered', () => {
  it('has its conflicts without a look', async () => {
    world.other(register(0n, 2n));
    world.other(reserve(2n, registrantsOnly));
    const looks = world.scheduler.history.length;
    world.gate.meetConflict();
    await world.quiet();
    expect(world.gate.verdicts).toEqual(['conflict']);
    expect(world.scheduler.history).toHaveLength(looks);
    await world.registered();
    expect(world.gate.conflicts).toBe('judge');
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.gate.conflicts).toBe('answer');
  });
});

describe('rule 18: the journal', () => {
  it('has the new key before any path is touched', async () => {
    await world.registered();
    let told = '';
    world.path('a').beforeOut = () => {
      told = world.journal.text ?? '';
    };
    await world.run(register(1n, 3n));
    expect(told).toContain('"key": "0x3"');
    expect(told).toContain('"otherKey": "0x1"');
  });

  it('that can not be written keeps every path untouched', async () => {
    world.journal.beforeSave = () => Promise.reject(new Error('no space left on device'));
    expect(await world.run(register(0n, 1n))).toBe('4/44/00');
    expect(world.array.text).toBe('');
    expect(world.notices.join()).toContain('no space left');
    world.journal.beforeSave = () => Promise.resolve();
    expect(await world.run(register(0n, 1n))).toBe('good');
  });

  it('brings a new process to the same standing', async () => {
    await holding();
    world.kill();
    await world.start();
    expect(world.gate.isOpen).toBe(true);
    expect(await world.fullStatus()).toBe('guest 0x1* f 0x2');
    expect(world.attentions()).toEqual([]);
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
  });

  it('opens the gate only when the array has been seen', async () => {
    await holding();
    world.kill();
    for (const { id } of world.paths) world.path(id).condition = 'down';
    await world.start();
    expect(world.gate.isOpen).toBe(false);
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('busy');
    world.other(preempt(2n, 1n, registrantsOnly));
    for (const { id } of world.paths) world.path(id).condition = 'works';
    await world.pass(2_000);
    expect(world.gate.isOpen).toBe(true);
    expect(world.array.text).toBe('f 0x2*');
    expect(world.attentions()).toEqual(['6/2a/05']);
  });

  it('that is damaged keeps the device from being opened', async () => {
    await holding();
    world.kill();
    world.journal.text = world.journal.text?.replace('"0x1"', '"0x7"');
    const opened = DeviceReservations.open({
      guest,
      source: world.source,
      gate: world.gate,
      journal: world.journal,
      timeoutMs: 5_000,
      depth: 8,
      clock: world.clock,
      log: () => undefined,
      onFault: () => undefined,
      onStoreFailure: () => undefined,
    });
    await expect(opened).rejects.toThrow('checksum');
  });
});

describe('rule 20: data that passes no gate of ours', () => {
  beforeEach(async () => {
    await holding();
    world.gate.holdsAll = false;
  });

  it.each([
    ['PREEMPT of oneself', preempt(1n, 1n, registrantsOnly)],
    ['PREEMPT of all', preempt(1n, 0n, registrantsOnly)],
  ])('%s drops sibling keys: 5/24/00', async (name, command) => {
    if (name === 'PREEMPT of all') {
      await world.run(release(1n, registrantsOnly));
      await world.run(reserve(1n, allRegistrants));
    }
    const before = world.array.text;
    expect(await world.run(command)).toBe('5/24/00');
    expect(world.array.text).toBe(before);
  });

  it('no path is registered again beside it', async () => {
    world.other(register(1n, 0n), world.path('b').nexus);
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1* f 0x2');
  });

  it('every path is registered when the guest registers, also for the first time', async () => {
    const fresh = await World.open();
    fresh.gate.holdsAll = false;
    expect(await fresh.run(register(0n, 1n))).toBe('good');
    expect(fresh.array.text).toBe('a 0x1 b 0x1');
  });

  it('registers and reserves all the same', async () => {
    await world.run(register(1n, 0n));
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(world.array.text).toBe('a 0x3* b 0x3 f 0x2');
  });
});

describe('transports with limits', () => {
  it('without READ FULL STATUS: every path is registered, nothing is folded or repaired', async () => {
    world = await World.open({
      limits: { fullStatus: false, reportCapabilities: false, aptplChoice: false },
    });
    expect(await world.run(register(0n, 1n))).toBe('good');
    expect(world.array.text).toBe('a 0x1 b 0x1');
    expect(await world.keys()).toEqual([1n, 1n]);
    expect(await world.run({ action: 'read-full-status' })).toBe('5/24/00');
    expect(await world.outcome(reportCapabilities)).toMatchObject({
      data: { capabilities: { persistThroughPowerLossActive: true } },
    });
    expect(await world.run(reserve(1n, registrantsOnly))).toBe('good');
    expect(await world.run(release(1n, registrantsOnly))).toBe('good');
    expect(world.array.state.reservation).toBeUndefined();
    expect(await world.run(register(1n, 3n))).toBe('good');
    expect(await world.run(register(3n, 0n))).toBe('good');
    expect(world.array.text).toBe('');
  });

  it('without REGISTER AND MOVE: 5/24/00', async () => {
    world = await World.open({ limits: { registerAndMove: false } });
    await world.registered();
    expect(await world.run(registerAndMove(1n, 5n, foreign.transportId))).toBe('5/24/00');
  });

  it('with one registration per host: any path acts for all, every type is carried', async () => {
    world = await World.open({ paths: ['a'], limits: { hostWide: true } });
    // A second controller of the same host is the same registrant.
    const second = world.addPath('b');
    second.limits = world.path('a').limits;
    Object.assign(second, { nexus: world.path('a').nexus });
    await world.noticePaths();
    await world.registered();
    expect(world.array.text).toBe('a 0x1');
    await world.fail('a');
    expect(await world.run(reserve(1n, 'write-exclusive'))).toBe('good');
    expect(await world.run(preempt(1n, 1n, 'exclusive-access'))).toBe('good');
    expect(world.array.text).toBe('a 0x1*');
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('');
  });
});

describe('hostile and broken surroundings', () => {
  it('no path at all: BUSY, and the gate is open for a guest that is not registered', async () => {
    world = await World.open({ paths: [] });
    expect(await world.run(readKeys)).toBe('busy');
    expect(await world.run(register(0n, 1n))).toBe('busy');
    expect(world.gate.isOpen).toBe(true);
    world.addPath('a');
    await world.noticePaths();
    expect(await world.run(register(0n, 1n))).toBe('good');
  });

  it('a path whose nexus is another after a new login is registered beside the dead one', async () => {
    await world.registered();
    world.removePath('a');
    world.addPath('a2');
    await world.noticePaths();
    expect(world.array.text).toBe('a 0x1 a2 0x1 b 0x1');
    expect(await world.fullStatus()).toBe('guest 0x1');
    expect(await world.run(register(1n, 0n))).toBe('good');
    expect(world.array.text).toBe('');
  });

  it('does nothing any more once it is closed', async () => {
    await world.registered();
    world.device.close();
    const seen = world.scheduler.history.length;
    world.source.dispatchEvent(new Event('change'));
    await idle();
    expect(world.scheduler.events).toEqual([]);
    expect(world.scheduler.history).toHaveLength(seen);
  });
});
