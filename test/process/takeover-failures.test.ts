/** Takeovers that fail, at every step: one of the two processes serves, and the guest sees a pause. */
import { closeSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { controlOf } from '../support/control.js';
import { Initiator } from '../support/initiator.js';
import { read10, write10 } from '../support/persistent-reservations.js';
import { scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';
import {
  meet,
  TakeoverRelay,
  type TakeoverStep,
  takeoverSteps,
} from '../support/takeover-relay.js';

const good = 0;
type Channel = Awaited<ReturnType<typeof meet>>;

class Scene {
  readonly socketPath = scratchSocket();
  readonly controlPath = scratchSocket();
  readonly image = scratchImage(2 ** 20);
  readonly old: ServeProcess;

  private constructor() {
    this.old = new ServeProcess({ args: this.args(this.controlPath) });
  }

  static async serving(): Promise<Scene> {
    const scene = new Scene();
    await scene.old.logged('serving');
    return scene;
  }

  args(controlPath: string): string[] {
    return [
      ...['--socket-path', this.socketPath, '--device', 'scsi', '--blk-file', this.image],
      ...['--control-socket', controlPath],
    ];
  }

  /** Begins a takeover through the relay, which stops at this step until `act` is done. */
  async interrupted(at: TakeoverStep, act: (next: ServeProcess) => unknown): Promise<ServeProcess> {
    const relay = await TakeoverRelay.between(this.controlPath, async (step) => {
      if (step === at) await act(next);
    });
    const next = new ServeProcess({ args: [...this.args(relay.controlPath), '--takeover'] });
    return next;
  }
}

function openFds({ pid }: ServeProcess): number {
  return readdirSync(`/proc/${String(pid)}/fd`).length;
}

for (const step of takeoverSteps.filter((step) => step !== 'running')) {
  it(`the next process is killed at "${step}": the first goes on`, async () => {
    const scene = await Scene.serving();
    const guest = await Initiator.attached(scene.socketPath);
    expect((await guest.execute(write10(0, 8, 0x11))).status).toBe(good);
    let before: number | undefined;
    for (let round = 0; round < 3; round++) {
      const from = scene.old.log.length;
      const next = await scene.interrupted(step, (process) => {
        process.signal('SIGKILL');
        return process.exit();
      });
      const read = guest.execute(read10(0, 8));
      expect(await next.exit()).toBe('SIGKILL');
      // Of one that was killed before it met it the first knows nothing.
      if (step !== 'asked') await scene.old.logged('going on here', from);
      expect((await read).dataIn[0]).toBe(0x11);
      expect((await guest.execute(write10(8, 8, round))).status).toBe(good);
      // The first attempt leaves what all later ones use, and its connection may just be going.
      before ??= openFds(scene.old);
    }
    if (step !== 'asked') {
      await expect.poll(() => openFds(scene.old)).toBeLessThanOrEqual(before ?? 0);
    }
    // The next one succeeds.
    const last = new ServeProcess({ args: [...scene.args(scene.controlPath), '--takeover'] });
    await last.logged('taken over');
    expect(await scene.old.exit()).toBe(0);
    const { status, dataIn } = await guest.execute(read10(8, 8));
    expect([status, dataIn[0]]).toEqual([good, 2]);
  });
}

for (const step of ['asked', 'state', 'fds', 'ready'] as const) {
  it(`the first process is killed at "${step}": the next ends, and says why`, async () => {
    const scene = await Scene.serving();
    const next = await scene.interrupted(step, () => {
      scene.old.signal('SIGKILL');
    });
    expect(await next.exit()).toBe(8);
    expect(next.log.at(-1)?.level).toBe('fatal');
    // What it had inherited is free: an ordinary start succeeds.
    await ServeProcess.serving({ args: scene.args(scene.controlPath) });
  });
}

it('the first process is killed when the next one runs: it goes on', async () => {
  const scene = await Scene.serving();
  const guest = await Initiator.attached(scene.socketPath);
  expect((await guest.execute(write10(0, 8, 0x11))).status).toBe(good);
  const next = await scene.interrupted('running', () => {
    scene.old.signal('SIGKILL');
  });
  await next.logged('taken over');
  const { status, dataIn } = await guest.execute(read10(0, 8));
  expect([status, dataIn[0]]).toEqual([good, 0x11]);
});

it("the next one goes on without the control socket's place, if it can't have that", async () => {
  const scene = await Scene.serving();
  const guest = await Initiator.attached(scene.socketPath);
  const relay = await TakeoverRelay.between(scene.controlPath, (step) => {
    if (step !== 'go') return Promise.resolve();
    rmSync(relay.controlPath);
    mkdirSync(relay.controlPath);
    return Promise.resolve();
  });
  onTestFinished(() => {
    rmdirSync(relay.controlPath);
  });
  const next = new ServeProcess({ args: [...scene.args(relay.controlPath), '--takeover'] });
  expect(await next.logged('the control socket stays at')).toMatchObject({ level: 'error' });
  expect(await scene.old.exit()).toBe(0);
  expect((await guest.execute(write10(0, 8, 0x11))).status).toBe(good);
  const control = await controlOf(`${relay.controlPath}.next`);
  await control.request('quit', {});
  expect(await next.exit()).toBe(0);
});

it('one that never gets ready is given up on, and one that says nonsense at once', async () => {
  const scene = await Scene.serving();
  const guest = await Initiator.attached(scene.socketPath);
  const write = async () => (await guest.execute(write10(0, 8, 0x11))).status;
  for (const act of [
    () => undefined,
    (channel: Channel) => {
      channel.send({ type: 'go' });
    },
  ]) {
    const from = scene.old.log.length;
    const channel = await meet(scene.controlPath);
    const { message } = await channel.next('state');
    for (let fds = 0; fds < message.fds;) {
      const received = await channel.next('fds');
      fds += received.fds.length;
      for (const fd of received.fds) closeSync(fd);
    }
    act(channel);
    expect(await write()).toBe(good);
    await scene.old.logged('going on here', from);
    channel.close();
  }
});

it('one that hangs when it was told to go is killed, and the first goes on', async () => {
  const scene = await Scene.serving();
  const guest = await Initiator.attached(scene.socketPath);
  const hangAtGo = fileURLToPath(new URL('../support/hang-at-go.mjs', import.meta.url));
  const next = new ServeProcess({
    args: [...scene.args(scene.controlPath), '--takeover'],
    nodeArgs: ['--import', hangAtGo],
  });
  await scene.old.logged('going on here');
  expect(await next.exit()).toBe('SIGKILL');
  expect((await guest.execute(write10(0, 8, 0x11))).status).toBe(good);
});

it('a process that reads no version of the state that the first writes is refused', async () => {
  const scene = await Scene.serving();
  await expect(meet(scene.controlPath, [2, 3])).rejects.toThrow('version 1');
  await expect(meet(scene.controlPath, [])).rejects.toThrow('version 1');
});

it('a second process is refused while one takes over', async () => {
  const scene = await Scene.serving();
  const first = await meet(scene.controlPath);
  await expect(meet(scene.controlPath)).rejects.toThrow('another process is taking over');
  first.close();
  await scene.old.logged('going on here');
  const guest = await Initiator.attached(scene.socketPath);
  expect((await guest.execute(read10(0, 8))).status).toBe(good);
});

it('a server that is told to end during an attempt ends, and so does the attempt', async () => {
  const scene = await Scene.serving();
  const next = await scene.interrupted('ready', () => {
    scene.old.signal('SIGTERM');
    return scene.old.exit();
  });
  expect(await scene.old.exit()).toBe(0);
  expect(await next.exit()).toBe(8);
});
