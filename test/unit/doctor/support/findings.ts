import type { Finding } from '../../../../src/doctor/finding.js';

/** What must be mended. */
export function bad(findings: readonly Finding[]): string[] {
  return findings.filter(({ verdict }) => verdict === 'bad').map(({ what }) => what);
}

/** What could be better. */
export function better(findings: readonly Finding[]): string[] {
  return findings.filter(({ verdict }) => verdict === 'better').map(({ what }) => what);
}
