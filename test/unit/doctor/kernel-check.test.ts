import { expect, it } from 'vitest';
import { checkKernel } from '../../../src/doctor/kernel-check.js';

it.each([
  ['6.1.0-56-amd64', false, false],
  ['6.12.107+deb13-amd64', false, false],
  ['6.18.0', false, true],
  ['6.19.0', true, true],
  ['7.3.4+deb13-amd64', true, true],
])('knows what Linux %s can', (release, reads, probes) => {
  const findings = checkKernel({ release, uringDisabled: undefined });
  const can = (able: boolean) => `Linux ${release} ${able ? 'can' : "can't"}`;
  expect(findings[0]?.what).toContain(`${can(reads)} show keys and reservations`);
  expect(findings[1]?.what).toContain(`${can(probes)} probe all paths`);
});

it.each([
  [undefined, 'good'],
  ['0', 'good'],
  ['1', 'better'],
  ['2', 'better'],
])('with kernel.io_uring_disabled %s', (uringDisabled, verdict) => {
  expect(checkKernel({ release: '7.3.4', uringDisabled }).at(-1)?.verdict).toBe(verdict);
});
