import { pino } from 'pino';
import { expect, it } from 'vitest';
import { PeerLog } from '../../../src/telemetry/peer-log.js';
import { TokenBucket } from '../../../src/telemetry/token-bucket.js';

it('drops what a noisy peer causes, and says how much', () => {
  const lines: { msg: string; suppressed?: number }[] = [];
  const write = (line: string) => {
    lines.push(JSON.parse(line) as (typeof lines)[number]);
  };
  let now = 0;
  const log = new PeerLog(pino({}, { write }), new TokenBucket(1, 2, () => now));
  for (let i = 0; i < 10; i++) log.warn(`line ${i}`);
  now = 1000;
  log.info('after a second');

  expect(lines.map(({ msg, suppressed }) => [msg, suppressed])).toEqual([
    ['line 0', undefined],
    ['line 1', undefined],
    ['after a second', 8],
  ]);
});
