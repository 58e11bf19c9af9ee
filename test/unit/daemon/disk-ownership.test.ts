import { pino } from 'pino';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type AdmittedGuest,
  DiskOwnership,
  type OwnedDisk,
} from '../../../src/daemon/disk-ownership.js';
import { aborted } from '../../../src/util/aborted.js';

/** In order: takeovers, handovers, admissions. */
let events: string[];

/** A disk that another process has until `free` is called. */
class FakeDisk implements OwnedDisk {
  readonly path: string;
  ours: boolean;
  failure: Error | undefined;
  free: () => void = () => undefined;
  #freed: Promise<void> = Promise.resolve();

  constructor(path: string, ours: boolean) {
    this.path = path;
    this.ours = ours;
  }

  hold(): void {
    this.#freed = new Promise((resolve) => (this.free = resolve));
  }

  async takeOver(stop: AbortSignal): Promise<void> {
    if (this.ours) return;
    await Promise.race([this.#freed, aborted(stop)]);
    if (stop.aborted) return;
    if (this.failure) throw this.failure;
    this.ours = true;
    events.push(`take ${this.path}`);
  }

  handOver(): Promise<void> {
    if (!this.ours) return Promise.resolve();
    if (this.failure) return Promise.reject(this.failure);
    this.ours = false;
    events.push(`give ${this.path}`);
    return Promise.resolve();
  }
}

/** A guest whose rings run, or not. */
class FakeGuest implements AdmittedGuest {
  running = false;
  readonly settings: AdmittedGuest['settings'];

  constructor(initiatorName: string) {
    this.settings = { initiatorName };
  }

  admit(demand: number): void {
    events.push(`admit ${this.settings.initiatorName} ${demand}`);
  }

  withdraw(): boolean {
    return !this.running;
  }
}

let disks: [FakeDisk, FakeDisk];
let guests: [FakeGuest, FakeGuest];
let ownership: DiskOwnership;

beforeEach(() => {
  events = [];
  disks = [new FakeDisk('x', false), new FakeDisk('y', false)];
  guests = [new FakeGuest('a'), new FakeGuest('b')];
  ownership = new DiskOwnership({
    disks: () => disks,
    guests: () => guests,
    log: pino({ level: 'silent' }),
  });
});

function happened(...expected: string[]): Promise<void> {
  return vi.waitFor(() => {
    expect(events).toEqual(expected);
  });
}

describe('a guest that comes', () => {
  it('is admitted once all disks are had', async () => {
    disks[1].hold();
    ownership.wanted(guests[0], 7);
    await happened('take x');
    disks[1].free();
    await happened('take x', 'take y', 'admit a 7');
  });

  it('is admitted at once where the disks are ours', async () => {
    for (const disk of disks) disk.ours = true;
    ownership.wanted(guests[0], 1);
    await happened('admit a 1');
  });

  it('that gives up ends the wait, and what was had already is given up', async () => {
    disks[1].hold();
    ownership.wanted(guests[0], 7);
    await happened('take x');
    ownership.left(guests[0]);
    await happened('take x', 'give x');
    disks[1].hold();
    ownership.wanted(guests[0], 8);
    disks[1].free();
    await happened('take x', 'give x', 'take x', 'take y', 'admit a 8');
  });

  it('and another that comes meanwhile are admitted together', async () => {
    disks[0].hold();
    ownership.wanted(guests[0], 1);
    ownership.wanted(guests[1], 2);
    disks[0].free();
    await happened('take x', 'take y', 'admit a 1', 'admit b 2');
  });

  it('waits for what stands against it to pass', async () => {
    disks[0].failure = new Error('its state is damaged');
    ownership.wanted(guests[0], 1);
    await new Promise(setImmediate);
    disks[0].failure = undefined;
    await vi.waitFor(() => {
      expect(events).toEqual(['take x', 'take y', 'admit a 1']);
    }, 5_000);
  });
});

describe('a guest that leaves', () => {
  beforeEach(() => {
    for (const disk of disks) disk.ours = true;
  });

  it('leaves the disks to others', async () => {
    ownership.left(guests[0]);
    await happened('give x', 'give y');
  });

  it('does not, while another runs here', async () => {
    guests[1].running = true;
    ownership.left(guests[0]);
    await new Promise(setImmediate);
    expect(events).toEqual([]);
    ownership.wanted(guests[0], 5);
    await happened('admit a 5');
    ownership.left(guests[0]);
    guests[1].running = false;
    ownership.left(guests[1]);
    await happened('admit a 5', 'give x', 'give y');
  });

  it('and comes back, as its migration was cancelled, has them again', async () => {
    ownership.left(guests[0]);
    await happened('give x', 'give y');
    ownership.wanted(guests[0], 2);
    await happened('give x', 'give y', 'take x', 'take y', 'admit a 2');
  });

  it('and comes back before they were given up keeps them', async () => {
    ownership.left(guests[0]);
    ownership.wanted(guests[0], 2);
    await vi.waitFor(() => {
      expect(events.at(-1)).toBe('admit a 2');
    });
    expect(disks.every(({ ours }) => ours)).toBe(true);
  });

  it('is never admitted with a disk missing, even if another could not be given up', async () => {
    disks[1].failure = new Error('the device is gone');
    ownership.left(guests[0]);
    await happened('give x');
    ownership.wanted(guests[0], 3);
    await vi.waitFor(() => {
      expect(events.at(-1)).toBe('admit a 3');
    }, 5_000);
    expect(events).toEqual(['give x', 'take x', 'admit a 3']);
  });
});

it('takes nothing any more after its end', async () => {
  disks[0].hold();
  ownership.wanted(guests[0], 1);
  await ownership.close();
  disks[0].free();
  await new Promise(setImmediate);
  expect(events).toEqual([]);
});
