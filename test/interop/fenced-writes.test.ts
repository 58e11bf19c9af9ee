/** The proof: what a fenced guest has in flight never lands after the fencing was answered. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { Cluster, clusterDisk } from '../support/cluster.js';
import { successful } from '../support/command.js';
import { fenceScsi } from '../support/fence-scsi.js';
import { FrozenDisk } from '../support/frozen-disk.js';
import { type GuestProcess } from '../support/guest-process.js';
import { checkout } from '../support/images.js';
import { useRig } from '../support/rig.js';
import { rounds } from '../support/rounds.js';
import { registeredKeys, sgPersist } from '../support/sg-persist.js';

const count = rounds(50, 12);
const blockSize = 4096;
/** The victim writes to all of them, over and over. */
const blocks = 2048;
const half = (blocks / 2) * blockSize;
const writers = 16;
/** Linux's errno of a reservation conflict; Node has no name for it. */
const EBADE = 52;

/** What numbered-writer.py reports. */
interface Report {
  written: number;
  late: number;
  errors: number[];
}

async function install(victim: GuestProcess): Promise<void> {
  const writer = await readFile(`${checkout}test/interop/guest/numbered-writer.py`, 'utf8');
  await victim.run(`cat >/run/writer.py <<'END'\n${writer}\nEND`);
  // Neighbouring writes of two writers would be merged, and count as one.
  await victim.run(`echo 2 >/sys/block/${basename(clusterDisk)}/queue/nomerges`);
}

async function startWriting(victim: GuestProcess, round: number): Promise<void> {
  await victim.run(`
    rm -f /run/writing /run/written
    python3 /run/writer.py ${clusterDisk} ${blocks} ${writers} ${round} >/run/log 2>&1 &
    until [ -e /run/writing ]; do usleep 1000; done`);
}

/** When the victim has given up. */
async function reportOf(victim: GuestProcess): Promise<Report> {
  const json = await victim.run(`
    until [ -e /run/written ]; do usleep 1000; done
    cat /run/written`);
  return JSON.parse(json) as Report;
}

/**
 * Takes the lower half of the disk over, as a cluster's next owner does, by filling it with the
 * round's number, and notes what the upper half holds meanwhile.
 * @returns the upper half's SHA-256
 */
async function takeOver(owner: GuestProcess, round: number): Promise<string> {
  const megabytes = half / 1024 ** 2;
  const sum = await owner.run(`
    exec 2>/run/errors
    dd if=${clusterDisk} of=/run/upper bs=1M skip=${megabytes} count=${megabytes} iflag=direct &
    head -c ${half} /dev/zero | tr '\\0' '\\${round.toString(8).padStart(3, '0')}' |
      dd of=${clusterDisk} bs=64k iflag=fullblock oflag=direct
    wait
    sha256sum </run/upper | cut -c1-64`);
  return sum.trim();
}

/** How many of numbered-writer.py's blocks there are of this round. */
function blocksOf(round: number, disk: Buffer): number {
  const starts = Array.from({ length: disk.length / blockSize }, (_, index) => index * blockSize);
  return starts.filter((start) => disk.readUInt32LE(start + 4) === round).length;
}

describe('a guest of user-mode Linux that is fenced while it writes', () => {
  const rig = useRig();
  let obstacle = '';
  beforeAll(async () => {
    obstacle = await rig.umlObstacle();
  });
  beforeEach(({ skip }) => {
    if (obstacle !== '') skip(obstacle);
  });

  /** Two nodes of a cluster on a disk whose writes can be held up inside the kernel. */
  const clusterOnFrozenDisk = async (): Promise<[Cluster, FrozenDisk]> => {
    const disk = await FrozenDisk.make();
    onTestFinished(() => rig.clear());
    const cluster = new Cluster(rig);
    await cluster.start('uml', disk.device);
    return [cluster, disk];
  };

  it(`leaves nothing behind after the answer, in ${count} rounds`, async () => {
    const [{ one, two }, disk] = await clusterOnFrozenDisk();
    await install(two);
    await fenceScsi(one, 'on', 'a1');

    const fenceAtFullSpeed = () => fenceScsi(one, 'off', 'b2');
    const fenceWithAllWritesHeldUp = async () => {
      await disk.freeze();
      await disk.writesInFlight(writers);
      const fenced = sgPersist(
        one,
        '--out --preempt-abort --param-rk=a1 --param-sark=b2 --prout-type=5',
      );
      // Nothing shows that the command waits in the back end; a thaw before that proves less.
      const writesAtAnswer = fenced.then(() => disk.inFlightNow().writes);
      expect(await Promise.race([writesAtAnswer, delay(200, 0)])).toBe(0);
      await disk.thaw();
      await fenced;
    };

    let written = 0;
    for (let round = 1; round <= count; round += 1) {
      await sgPersist(two, '--out --register-ignore --param-sark=b2');
      await startWriting(two, round);
      await (round % 2 === 0 ? fenceAtFullSpeed : fenceWithAllWritesHeldUp)();
      expect(disk.inFlightNow().writes, 'writes in the kernel at the answer').toBe(0);
      const upper = await takeOver(one, round);

      const report = await reportOf(two);
      expect(report).toMatchObject({ late: 0, errors: [EBADE] });
      written += report.written;

      const copy = rig.path('copy');
      await successful('dd', `if=${disk.device}`, `of=${copy}`, 'bs=1M', 'count=8', 'iflag=direct');
      const found = await readFile(copy);
      const what = `the new owner's blocks, round ${round}`;
      expect(found.subarray(0, half).equals(Buffer.alloc(half, round)), what).toBe(true);
      expect(createHash('sha256').update(found.subarray(half)).digest('hex')).toBe(upper);
      expect(blocksOf(round, found.subarray(half))).toBeGreaterThan(0);
    }
    console.log(`${count} rounds, ${written} blocks written by the victim before it was fenced`);
  });

  it('stays registered, and fence_scsi fails, as long as its write is stuck', async () => {
    const [{ one, two }, disk] = await clusterOnFrozenDisk();
    await fenceScsi(one, 'on', 'a1');
    await fenceScsi(two, 'on', 'b2');
    const write = `dd if=/dev/zero of=${clusterDisk} bs=4k count=1 oflag=direct`;

    await disk.freeze();
    await two.run(`(${write}; echo $? >/run/ended) >/run/log 2>&1 &`);
    await disk.writesInFlight(1);
    // Linux sends PREEMPT AND ABORT again and again while the answer is BUSY, for 60 s.
    await expect(fenceScsi(one, 'off', 'b2')).rejects.toThrow('exit code 1:');
    expect(await registeredKeys(one)).toEqual(['a1', 'b2']);

    await disk.thaw();
    expect(await fenceScsi(one, 'off', 'b2')).toContain('Success: Powered OFF');
    expect(await registeredKeys(one)).toEqual(['a1']);
    // It passed before the fence was closed.
    expect(await two.run('until [ -s /run/ended ]; do usleep 1000; done; cat /run/ended')).toBe(
      '0\n',
    );
    await expect(two.run(write)).rejects.toThrow('Invalid exchange');
  });
});
