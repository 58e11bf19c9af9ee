/** Checks of a host and of the devices whose reservations it is to serve. Needs no privilege. */
import { multipathdWwid, readMap } from '../multipath/device-map.js';
import {
  findLogicalUnit,
  readPathsOf,
  unitName,
  type UnitDevice,
} from '../multipath/logical-unit.js';
import type { Multipathd } from '../multipath/multipathd.js';
import type { PathFacts } from '../multipath/path-facts.js';
import { pathNode } from '../multipath/path-node.js';
import type { RememberedKey } from '../multipath/prkeys-file.js';
import type { Sysfs } from '../multipath/sysfs.js';
import type { PathNode } from '../transports/path-node.js';
import { Failure } from '../util/failure.js';
import type { Finding } from './finding.js';
import { checkKernel, type KernelFacts } from './kernel-check.js';
import { checkLock } from './lock-check.js';
import { checkMultipathd } from './multipathd-check.js';
import { checkPath, type TransportAdvice } from './path-check.js';
import { checkTimeouts } from './timeouts-check.js';
import { checkUnit } from './unit-check.js';

/** Where the doctor looks. */
export interface Host {
  readonly sysfs: Sysfs;
  readonly multipathd: Pick<Multipathd, 'topology' | 'reservationKey'>;
  readonly kernel: KernelFacts;
  readonly rememberedKey: (wwid: string) => RememberedKey;
  /** Opens a path, as serving would, and closes it again; never rejects. */
  readonly tryTransport: (node: PathNode) => Promise<TransportAdvice>;
  readonly lockFolder: string;
  readonly isRoot: boolean;
}

export interface Examination {
  /** Of the host, or of one device: `mpatha (naa.6001405...)`. */
  readonly subject: string;
  readonly findings: readonly Finding[];
}

/**
 * @param device to look at; without it all multipath maps
 * @returns of the host first, then of each device; never rejects for what it finds
 */
export async function examine(host: Host, device: string | undefined): Promise<Examination[]> {
  const examinations: Examination[] = [
    { subject: 'this host', findings: checkKernel(host.kernel) },
  ];
  const devices = device === undefined ? mapsOf(host.sysfs) : [device];
  for (const path of devices) examinations.push(await examineDevice(host, path));
  if (devices.length === 0) examinations.push(nothingToSee);
  return examinations;
}

const nothingToSee: Examination = {
  subject: 'devices',
  findings: [
    {
      verdict: 'good',
      topic: 'devices',
      what: 'there is no multipath map: name a SCSI disk or an NVMe namespace to have it looked at',
    },
  ],
};

/** Whether something must be mended before guests are safe. */
export function isUnwell(examinations: readonly Examination[]): boolean {
  return examinations.some(({ findings }) => findings.some(({ verdict }) => verdict === 'bad'));
}

function mapsOf(sysfs: Sysfs): string[] {
  return sysfs
    .names('block')
    .filter((name) => readMap(sysfs, name) !== undefined)
    .map((name) => `/dev/${name}`);
}

async function examineDevice(host: Host, path: string): Promise<Examination> {
  try {
    const device = findLogicalUnit(host.sysfs, path);
    return { subject: unitName(device), findings: await findingsOf(host, device) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { subject: path, findings: [unfitFinding(error)] };
  }
}

async function findingsOf(host: Host, device: UnitDevice): Promise<Finding[]> {
  const now = readPathsOf(host.sysfs, device);
  const perPath = await Promise.all(
    now.paths.map(async (path) => [
      ...checkPath(path, await tryPath(host, path, device.wwid)),
      ...checkTimeouts(host.sysfs, path),
    ]),
  );
  return [
    ...checkUnit(host.sysfs, device, now),
    ...perPath.flat(),
    ...(await multipathdFindings(host, device)),
    checkLock(device.wwid, host.lockFolder),
  ];
}

/** @returns undefined for a path that is down: a command on it would only add to what waits there */
async function tryPath(
  host: Host,
  path: PathFacts,
  wwid: string,
): Promise<TransportAdvice | undefined> {
  return path.condition.state === 'down'
    ? undefined
    : await host.tryTransport(pathNode(path, wwid));
}

async function multipathdFindings(host: Host, { name, map }: UnitDevice): Promise<Finding[]> {
  if (map === undefined) return [];
  const wwid = multipathdWwid(map);
  return checkMultipathd({
    map: map.name,
    topology: await host.multipathd.topology(name),
    reservationKey: await host.multipathd.reservationKey(wwid),
    rememberedKey: host.rememberedKey(wwid),
    tells: host.isRoot,
  });
}

function unfitFinding(failure: Failure): Finding {
  return {
    verdict: 'bad',
    topic: 'device',
    what: failure.message,
    why: 'holdfast serves no reservations of such a device',
    advice: 'name a multipath map, a whole SCSI disk or an NVMe namespace',
  };
}
