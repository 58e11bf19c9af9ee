import { expect, it } from 'vitest';
import { examinationsText } from '../../../src/doctor/text.js';

const good = { verdict: 'good', topic: 'kernel', what: 'io_uring is allowed' } as const;
const explained = { topic: 'path sdc', what: 'no', why: 'so', advice: 'do' } as const;

it('shows what, why and what to do, and sums up', () => {
  expect(examinationsText([{ subject: 'this host', findings: [good] }])).toBe(
    'this host\n  ok      kernel: io_uring is allowed\n\nAll is well.',
  );
  const bad = { verdict: 'bad', ...explained } as const;
  expect(examinationsText([{ subject: 'mpatha', findings: [bad, good] }])).toBe(
    [
      'mpatha',
      '  MUST    path sdc: no',
      '          why it matters: so',
      '          what to do: do',
      '  ok      kernel: io_uring is allowed',
      '',
      '1 thing must be mended.',
    ].join('\n'),
  );
  const better = { verdict: 'better', ...explained } as const;
  expect(examinationsText([{ subject: 'mpatha', findings: [better, better] }])).toMatch(
    /\nAll works; 2 things could be better\.$/,
  );
  expect(examinationsText([{ subject: 'mpatha', findings: [bad, better] }])).toMatch(
    /\n1 thing must be mended\. 1 thing could be better\.$/,
  );
});
