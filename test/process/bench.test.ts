import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { BenchReport } from '../../src/bench/results.js';
import { successful } from '../support/command.js';
import { scratchFolder, scratchImage } from '../support/scratch.js';

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** On a machine that is never quiet enough for a real benchmark. */
const anyLoad = ['--rounds', '1', '--seconds', '1', '--max-foreign', '100000'];

it('measures both devices of holdfast and qemu-storage-daemon, and leaves a device given by its path as it was', async () => {
  const image = scratchImage(64 * 2 ** 20);
  const folder = scratchFolder();
  const [json, svg] = [join(folder, 'report.json'), join(folder, 'report.svg')];
  const stdout = await successful(
    ...[process.execPath, program, 'bench', ...anyLoad, '--device', image],
    ...['--peers', 'qemu', '--cases', 'randread-qd1,randwrite-qd32,idle'],
    ...['--json', json, '--svg', svg],
  );

  expect(stdout).toMatch(/randread-qd1: .*\(1 round\)/);
  const { cases } = JSON.parse(readFileSync(json, 'utf8')) as BenchReport;
  expect(cases.map(({ name }) => name)).toEqual(['randread-qd1', 'idle']);
  const [reads] = cases;
  expect(reads?.backEnds).toHaveLength(4);
  expect(stdout).toMatch(/holdfast scsi: IOPS [\d.]+ times that of holdfast /);
  for (const { rounds } of reads?.backEnds ?? []) {
    expect(rounds[0]?.load.reads).toBeGreaterThan(0);
    expect(rounds[0]?.load.serverCpuNs).toBeGreaterThan(0);
  }
  expect(readFileSync(svg, 'utf8')).toMatch(/^<svg /);
  expect(readFileSync(image).every((byte) => byte === 0)).toBe(true);
});

const noZram = !existsSync('/sys/class/zram-control');

it.skipIf(noZram)('removes its zram device when it is interrupted', async () => {
  const devices = () => readdirSync('/sys/block').filter((name) => name.startsWith('zram'));
  const before = devices();
  const arguments_ = [program, 'bench', ...anyLoad, '--peers', 'none', '--seconds', '600'];
  const bench = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    bench.kill('SIGTERM');
  });
  const ended = once(bench, 'close');
  await once(bench.stdout, 'data'); // the device is there, the first measurement begins
  expect(devices()).toHaveLength(before.length + 1);

  bench.kill('SIGINT');
  expect(await ended).toEqual([130, null]);
  expect(devices()).toEqual(before);
});
