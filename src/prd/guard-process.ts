/** Both ends of the process that suspends maps: the daemon's, and its own. */
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { NativeAddon, NativeLane } from '../native/addon.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import { controlNode, DM_DEV_SUSPEND, suspendArgument } from './device-mapper.js';
import { type MapSuspenderOptions } from './map-suspender.js';
import { type MapAction, SuspendGuard } from './suspend-guard.js';

/** CAP_SYS_ADMIN (linux/capability.h) */
const sysAdmin = 1n << 21n;

/** @throws Failure (usage) if maps can't be suspended by this process */
export function requireSuspendPrivilege(): void {
  const [, effective = '0'] =
    /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  if ((BigInt(`0x${effective}`) & sysAdmin) === 0n) {
    throw new Failure(
      ExitCode.usage,
      '--suspend needs CAP_SYS_ADMIN: give it by AmbientCapabilities=CAP_SYS_ADMIN, or leave --suspend out',
    );
  }
  try {
    accessSync(controlNode, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw new Failure(
      ExitCode.usage,
      `--suspend needs to open ${controlNode}: ${messageOf(error)}: give its group access by a udev rule`,
      { cause: error },
    );
  }
}

/**
 * What starts a guard: this program with another command.
 * @param program of this process
 * @param folder where the guard notes what is suspended
 */
export function guardStarter(program: string, folder: string): MapSuspenderOptions['start'] {
  return (onLine, onEnd) => {
    const command = [...process.execArgv, program, 'suspend-guard', folder];
    const child = spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'inherit'] });
    // A write to one that has ended; its end says the rest.
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stdout }).on('line', onLine);
    child.on('exit', onEnd).on('error', onEnd);
    return {
      send: (line) => {
        child.stdin.write(`${line}\n`);
      },
      close: () => {
        child.off('exit', onEnd);
        child.stdin.end();
      },
    };
  };
}

/** Is the guard until its input ends. */
export async function runGuard(addon: NativeAddon, folder: string): Promise<void> {
  // The end of the input is what counts: until then the daemon may need a map resumed.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => undefined);
  const control = new DeviceMapper(addon);
  const guard = new SuspendGuard({
    act: (map, action) => control.act(map, action),
    folder,
    answer: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.on('error', () => undefined);
  for await (const line of createInterface({ input: process.stdin })) guard.receive(line);
  await guard.end();
}

class DeviceMapper {
  readonly #addon: NativeAddon;
  readonly #lanes = new Map<string, { lane: NativeLane; fd: Promise<number> }>();

  constructor(addon: NativeAddon) {
    this.#addon = addon;
  }

  /** A map that waits for its paths keeps no other waiting. */
  async act(map: string, action: MapAction): Promise<void> {
    const { lane, fd } = this.#laneOf(map);
    await lane.ioctl(await fd, DM_DEV_SUSPEND, suspendArgument(map, action), []);
  }

  #laneOf(map: string) {
    const known = this.#lanes.get(map);
    if (known !== undefined) return known;
    const lane = this.#addon.createLane();
    const opened = { lane, fd: lane.open(controlNode, constants.O_RDWR) };
    this.#lanes.set(map, opened);
    return opened;
  }
}
