import { defineConfig } from 'vitest/config';

const minute = 60_000;

// `process` counts fds, threads and memory of its processes, `bench` measures: their files run one
// after another. Virtual machines mostly wait or keep one core busy: two files of those at a time.
const machines = { maxWorkers: 2, testTimeout: 10 * minute, hookTimeout: 10 * minute };

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
          ...machines,
        },
      },
    ],
  },
});
