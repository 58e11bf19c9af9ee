/** `npm run demo`: one guest fences the other, told while it happens. */
import { beforeAll, describe, expect, it } from 'vitest';
import { clusterDisk, initiatorName, useCluster } from '../support/cluster.js';
import { holdfastPr } from '../support/holdfast-pr.js';
import { say, show, showIn } from './narrator.js';

const writeExclusiveRegistrantsOnly = 5;

/** sg_persist as one would type it. */
const persist = (args: string) => `sg_persist -n --out ${args} ${clusterDisk}`;
const write = (text: string) =>
  `echo '${text}' | dd of=${clusterDisk} bs=4k conv=sync oflag=direct status=none`;
const read = `dd if=${clusterDisk} bs=4k count=1 iflag=direct status=none | tr -d '\\0'`;

describe('the demo', () => {
  beforeAll(() => {
    say('Two guests of QEMU boot. One holdfast serves one image file to both, each by its socket:');
    console.log(`  holdfast serve --device scsi --blk-file disk.img \\
    --socket-path node1.sock --initiator-name ${initiatorName(1)} \\
    --socket-path node2.sock --initiator-name ${initiatorName(2)}`);
  });
  const cluster = useCluster('7.2', { sizeBytes: 64 * 1024 ** 2 });

  it('tells how one guest fences the other', async () => {
    const one = { name: 'node1', guest: cluster.one };
    const two = { name: 'node2', guest: cluster.two };
    const status = async (answer: string) =>
      show('host ', 'holdfast pr full-status', () => pr('full-status'), { answer });
    const pr = (action: string) => holdfastPr(cluster.controlSocket, action);
    const type = `--prout-type=${writeExclusiveRegistrantsOnly}`;

    say('Both register a key. Node 1 reserves the disk: only who is registered may write.');
    await showIn(one, persist('--register --param-sark=1'));
    await showIn(two, persist('--register --param-sark=2'));
    await showIn(one, persist(`--reserve --param-rk=1 ${type}`));
    await status(initiatorName(2));

    say('Node 2 writes, and node 1 reads it.');
    await showIn(two, write('node 2 was here'));
    await showIn(one, read, { answer: 'node 2 was here' });

    say('Node 1 fences node 2.');
    await showIn(one, persist(`--preempt-abort --param-rk=1 --param-sark=2 ${type}`));
    await status('0x1');
    expect(await pr('keys')).not.toContain('0x2');

    say('Node 2 can write no more. What it wrote last is still there, and it may read that.');
    await showIn(two, write('node 2 again'), { answer: 'Invalid exchange', fails: true });
    await showIn(two, 'dmesg | grep -o "reservation conflict.*" | tail -n 1', {
      answer: 'reservation conflict',
    });
    await showIn(two, read, { answer: 'node 2 was here' });

    say('Node 2 comes back: it registers again.');
    await showIn(two, persist('--register --param-sark=2'));
    await showIn(two, write('node 2 is back'));
    await showIn(one, read, { answer: 'node 2 is back' });
    await status(initiatorName(2));
  });
});
