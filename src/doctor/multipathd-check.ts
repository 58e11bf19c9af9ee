/** Whether multipathd leaves the reservations alone, and what it does while no path is left. */
import { interference, type MultipathdClaims } from '../multipath/interference.js';
import type { MapTopology } from '../multipath/map-topology.js';
import type { MultipathdFact } from '../multipath/multipathd.js';
import type { Finding } from './finding.js';

const topic = 'multipathd';

export interface MultipathdFacts extends MultipathdClaims {
  /** multipathd's name of the map. */
  readonly map: string;
  readonly topology: MultipathdFact<MapTopology>;
  /** We are root, and so tell it of every registration. */
  readonly tells: boolean;
}

export function checkMultipathd(facts: MultipathdFacts): Finding[] {
  return [claimsFinding(facts), queueingFinding(facts.topology)];
}

function claimsFinding(facts: MultipathdFacts): Finding {
  const found = interference(facts, facts.map, facts.tells);
  if (found === undefined) {
    return { verdict: 'good', topic, what: `it leaves the registrations of ${facts.map} alone` };
  }
  return {
    verdict: 'bad',
    topic,
    what: found.what,
    why: 'a fenced guest could come back, so holdfast refuses the reservations of this device, and makes the guest that it serves already wait from the next change of a path on',
    advice: found.advice,
  };
}

function queueingFinding(topology: MultipathdFact<MapTopology>): Finding {
  if (topology.kind === 'absent') {
    return {
      verdict: 'better',
      topic,
      what: 'it does not run',
      why: 'paths that failed are not brought back into the map, and new ones do not join it',
      advice: 'start multipathd',
    };
  }
  if (topology.kind === 'unknown') {
    return {
      verdict: 'better',
      topic,
      what: `it does not tell its view of the map (${topology.reason})`,
      why: 'path groups and what its path checkers find stay unknown; sysfs still shows most failures',
      advice: 'see whether "multipathd show maps json" answers',
    };
  }
  const { queueing } = topology.value;
  if (queueing !== 'on') {
    return { verdict: 'good', topic, what: `no_path_retry ends queueing (now: ${queueing})` };
  }
  return {
    verdict: 'better',
    topic,
    what: 'no_path_retry is queue: I/O waits for ever while no path is left',
    why: 'a guest whose writes wait there can neither be stopped nor register again until a path is back',
    advice: 'give no_path_retry a number in multipath.conf and run "multipathd reconfigure"',
  };
}
