import { expect, it } from 'vitest';
import { checkKernel } from '../../../src/doctor/kernel-check.js';

it.each([
  ['6.1.0-56-amd64', ['better', 'better']],
  ['6.12.107+deb13-amd64', ['better', 'better']],
  ['6.18.0', ['better', 'good']],
  ['6.19.0', ['good', 'good']],
  ['7.3.4+deb13-amd64', ['good', 'good']],
])('knows what Linux %s can', (release, verdicts) => {
  const findings = checkKernel({ release, uringDisabled: undefined });
  expect(findings.slice(0, 2).map(({ verdict }) => verdict)).toEqual(verdicts);
});

it.each([
  [undefined, 'good'],
  ['0', 'good'],
  ['1', 'better'],
  ['2', 'better'],
])('with kernel.io_uring_disabled %s', (uringDisabled, verdict) => {
  expect(checkKernel({ release: '7.3.4', uringDisabled }).at(-1)?.verdict).toBe(verdict);
});
