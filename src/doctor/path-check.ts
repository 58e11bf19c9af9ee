/** Whether a path can carry reservations, by which transport, and what would be better. */
import type { PathFacts } from '../multipath/path-facts.js';
import type { Finding } from './finding.js';

/** What was found out by trying to open a path. */
export interface TransportAdvice {
  /** `sg`, `linux-pr` ...; undefined if none may be used. */
  readonly transport: string | undefined;
  /** Why this one, or why none, in a sentence. */
  readonly reason: string;
  /** What would give a better one; undefined if this is the best. */
  readonly advice: string | undefined;
}

/** @param transport undefined for a path that is down and so can't be tried */
export function checkPath(
  { name, condition }: PathFacts,
  transport: TransportAdvice | undefined,
): Finding[] {
  const topic = `path ${name}`;
  const state: Finding =
    condition.state === 'up'
      ? { verdict: 'good', topic, what: 'it is up' }
      : {
          verdict: 'better',
          topic,
          what: `it is ${condition.state}: ${condition.reason ?? 'no reason is known'}`,
          why: 'a registration is made on it when it is back',
          advice: 'look at the path: cable, session, target port',
        };
  return transport === undefined ? [state] : [state, transportFinding(topic, transport)];
}

function transportFinding(topic: string, { transport, reason, advice }: TransportAdvice): Finding {
  if (transport === undefined) {
    return {
      verdict: 'bad',
      topic,
      what: `reservation commands can't be sent over it: ${reason}`,
      why: 'the guest would stay unregistered there, and its writes that take this path would fail',
      advice: advice ?? 'see the reason',
    };
  }
  if (advice === undefined) {
    return { verdict: 'good', topic, what: `reservation commands go by ${transport}: ${reason}` };
  }
  return {
    verdict: 'better',
    topic,
    what: `reservation commands go by ${transport}: ${reason}`,
    why: 'it works, but tells less of the device or needs more privilege than the best way',
    advice,
  };
}
