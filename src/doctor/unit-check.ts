/** Whether the paths that lead to a logical unit are the ones its data takes. */
import type { PathsNow, UnitDevice } from '../multipath/logical-unit.js';
import { readScsiPath } from '../multipath/scsi-path.js';
import type { Sysfs } from '../multipath/sysfs.js';
import type { Finding } from './finding.js';

const topic = 'paths';

export function checkUnit(sysfs: Sysfs, device: UnitDevice, now: PathsNow): Finding[] {
  return [
    ...strangerFindings(now),
    ...unjoinedFindings(sysfs, device, now),
    mapFinding(device, now),
  ];
}

function strangerFindings({ strangers }: PathsNow): Finding[] {
  return strangers.map(({ name, wwid }) => ({
    verdict: 'bad',
    topic,
    what: `${name} is a path of the map but leads to ${wwid ?? 'a logical unit without a name'}`,
    why: 'data written through the map lands on two logical units; holdfast never sends a reservation command there',
    advice: `take it out of the map with "multipathd del path ${name}", and see which LUN the array shows there now`,
  }));
}

/** Disks that are the same logical unit but not below the same map. */
function unjoinedFindings(sysfs: Sysfs, device: UnitDevice, { paths }: PathsNow): Finding[] {
  const joined = new Set(paths.map(({ name }) => name));
  const others = sysfs
    .names('block')
    .filter((name) => name.startsWith('sd') && !joined.has(name))
    .filter((name) => readScsiPath(sysfs, name)?.wwid === device.wwid);
  if (others.length === 0) return [];
  return [
    {
      verdict: 'better',
      topic,
      what: `${others.join(', ')} also leads to this logical unit, but carries none of its data`,
      why: 'losing the path that does would stop the guest',
      advice:
        'let multipathd join the paths (see find_multipaths and blacklist in multipath.conf) and serve the map',
    },
  ];
}

function mapFinding({ map }: UnitDevice, { paths }: PathsNow): Finding {
  const up = paths.filter(({ condition }) => condition.state !== 'down').length;
  const count = `${up} of ${paths.length} paths can carry commands`;
  if (map?.suspended === true) {
    return {
      verdict: 'better',
      topic,
      what: `the map ${map.name} is suspended`,
      why: 'all I/O of the guest waits until it is resumed',
      advice: `if nothing is at work on it, run dmsetup resume ${map.name}`,
    };
  }
  return up > 0
    ? { verdict: 'good', topic, what: count }
    : {
        verdict: 'bad',
        topic,
        what: count,
        why: 'neither data nor reservations reach the array',
        advice: 'bring a path back',
      };
}
