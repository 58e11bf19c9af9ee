/** What this kernel can and can't do for reservations and for I/O. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Finding } from './finding.js';

export interface KernelFacts {
  /** `6.12.107+deb13-amd64`. */
  readonly release: string;
  /** The kernel.io_uring_disabled setting: `0`, `1`, `2`; undefined before Linux 6.6. */
  readonly uringDisabled: string | undefined;
}

export function readKernelFacts(): KernelFacts {
  return { release: release(), uringDisabled: readSetting('io_uring_disabled') };
}

/** Features that only some hosts need are told of, but their lack is no fault. */
export function checkKernel({ release, uringDisabled }: KernelFacts): Finding[] {
  return [
    featureFinding(
      release,
      [6, 19],
      'show keys and reservations by <linux/pr.h>',
      'needed only for paths without a usable sg node',
    ),
    featureFinding(
      release,
      [6, 16],
      'probe all paths of a map at once (DM_MPATH_PROBE_PATHS)',
      "without it multipathd's path checkers find out which path failed",
    ),
    uringFinding(uringDisabled),
  ];
}

type Version = readonly [major: number, minor: number];

function featureFinding(release: string, since: Version, can: string, need: string): Finding {
  const what = isOlder(release, since)
    ? `Linux ${release} can't ${can}, ${since.join('.')} can: ${need}`
    : `Linux ${release} can ${can}`;
  return { verdict: 'good', topic: 'kernel', what };
}

function isOlder(release: string, [major, minor]: Version): boolean {
  const [, ownMajor, ownMinor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return Number(ownMajor) < major || (Number(ownMajor) === major && Number(ownMinor) < minor);
}

function uringFinding(disabled: string | undefined): Finding {
  const topic = 'kernel';
  if (disabled === undefined || disabled === '0') {
    return { verdict: 'good', topic, what: 'io_uring is allowed' };
  }
  const whose = disabled === '1' ? 'for users without privilege' : 'for everybody';
  return {
    verdict: 'better',
    topic,
    what: `io_uring is switched off ${whose} (kernel.io_uring_disabled is ${disabled})`,
    why: 'holdfast takes libaio instead, which can block while no path is usable and costs more CPU on some devices',
    advice:
      disabled === '1'
        ? "put holdfast's group into kernel.io_uring_group"
        : 'set kernel.io_uring_disabled to 1 or 0 with sysctl, if your policy allows it',
  };
}

function readSetting(name: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/kernel/${name}`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
