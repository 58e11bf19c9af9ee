import { noLimits, type PathOutcome, type PathTransport } from '../pr/transport.js';

/**
 * Stands for the transport of a path that can't be opened now. What such a path can't carry is not
 * known, so it limits nothing: it is down, and what matters is that the fan-out knows of it.
 */
export function absentTransport(name: string, reason: string): PathTransport {
  const notSent = (): Promise<PathOutcome> => Promise.resolve({ kind: 'not-sent', reason });
  return {
    name,
    limits: noLimits,
    execute: notSent,
    probe: notSent,
    identify: () => Promise.resolve('unknown'),
    close: () => Promise.resolve(),
  };
}
