/** What a daemon gives up once it has opened what it needs. */
import { findUser } from '../util/accounts.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import type { NativeAddon } from './addon.js';

export interface SandboxSettings {
  /** Become this user, with its groups and without capabilities; undefined: stay who started it. */
  readonly user: string | undefined;
  /** Give up all system calls that are not needed. */
  readonly seccomp: boolean;
}

/**
 * To be called when devices are open and before anybody can connect.
 * @param startsProcesses whether it has to start others later
 * @throws Failure (usage) if the user is unknown or can't be become, or the kernel has no seccomp
 */
export function enterSandbox(
  addon: Pick<NativeAddon, 'confine'>,
  { user, seccomp }: SandboxSettings,
  startsProcesses: boolean,
): void {
  if (user !== undefined) become(user);
  if (!seccomp) return;
  try {
    addon.confine({ startsProcesses });
  } catch (error) {
    throw new Failure(
      ExitCode.usage,
      `the sandbox can't be had here, --no-sandbox does without: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** The C library does it to all threads; the kernel takes the capabilities of who stops being root. */
function become(name: string): void {
  const user = findUser(name);
  if (user === undefined) throw new Failure(ExitCode.usage, `there is no user ${name}`);
  try {
    process.setgroups?.(user.groups);
    process.setgid?.(user.gid);
    process.setuid?.(user.uid);
  } catch (error) {
    const reason = messageOf(error);
    throw new Failure(ExitCode.usage, `can't become user ${name}: ${reason}`, { cause: error });
  }
}
