import { defineConfig } from 'vitest/config';
import { allRounds } from './test/support/rounds.ts';

const minute = 60_000;

// What measures runs alone, the rest of what starts processes or machines two files at a time.
const measuring = ['growth', 'memory', 'bench', 'blocked-event-loop', 'hostile-front-ends'].map(
  (name) => `test/process/${name}.test.ts`,
);
const machines = { maxWorkers: 2, testTimeout: 10 * minute, hookTimeout: 10 * minute };

// Not in CI, which has an hour for everything.
const forAllRounds = [
  ...['arbitration', 'crashes', 'device-migration-phases', 'device-takeover', 'libmpathpersist'],
  ...['qemu-11', 'restarts', 'stalled-writes', 'windows-cluster'],
].map((name) => `test/lab/${name}.test.ts`);

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,conformance}/**/*.test.ts'],
          testTimeout: minute,
        },
      },
      {
        test: {
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          exclude: measuring,
          maxWorkers: 2,
          testTimeout: 2 * minute,
          hookTimeout: minute,
        },
      },
      {
        test: {
          name: 'measuring',
          include: measuring,
          fileParallelism: false,
          testTimeout: 2 * minute,
          hookTimeout: minute,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          ...machines,
        },
      },
      {
        test: {
          name: 'demo',
          include: ['test/demo/**/*.test.ts'],
          testTimeout: 5 * minute,
          hookTimeout: 10 * minute,
        },
      },
      {
        test: {
          name: 'bench',
          include: ['test/bench/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 10 * minute,
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/lab/**/*.test.ts'],
          exclude: allRounds ? [] : forAllRounds,
          ...machines,
        },
      },
    ],
  },
});
