import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  type Cluster,
  clusterDisk,
  type GuestKind,
  guestKindName,
  useCluster,
} from '../../support/cluster.js';
import { describeFenceScsi } from './fence-scsi.js';
import { filesOn } from './files.js';
import { describeSgPersist } from './sg-persist.js';

const run = promisify(execFile);
const mib = 1024 ** 2;

/** Two guests and the SCSI disk that they share. */
export function describeCluster(kind: GuestKind): void {
  describe(`a cluster of two guests of ${guestKindName(kind)}`, () => {
    const cluster = useCluster(kind, { sizeBytes: 512 * mib });
    describeSgPersist(cluster);
    describeFenceScsi(cluster);
    describeScsiDisk(cluster);
  });
}

/** The disk as such; ends the first node. */
function describeScsiDisk(cluster: Cluster): void {
  describe('the SCSI disk', () => {
    const files = filesOn(clusterDisk);

    it('has the same name for both nodes', async () => {
      const [one, two] = await Promise.all(
        cluster.nodes.map((node) => node.run(`sg_vpd --page=di ${clusterDisk}`)),
      );
      expect(one).toMatch(/designator type: NAA.*\n\s+0x6[0-9a-f]{31}\n/);
      expect(two).toBe(one);
    });

    it('grows while it runs', async () => {
      await cluster.backEnd.resize(640 * mib);
      for (const node of cluster.nodes) {
        await node.run(`until [ $(cat /sys/block/sda/size) = ${(640 * mib) / 512} ]; do
          usleep 10000; done`);
        expect(await node.run(`sg_readcap ${clusterDisk}`)).toContain(`${640 * mib} bytes`);
      }
    });

    it('keeps 64 MiB of files, and their place when they are trimmed', async () => {
      const { one, image } = cluster;
      await one.run(
        `sg_persist --no-inquiry --out --register-ignore --param-sark=9 ${clusterDisk}`,
      );
      await one.run(files.make(64));
      await one.run(files.check);
      const allocated = async () => (await stat(image)).blocks * 512;
      const before = await allocated();
      await one.run(files.trimLarge);
      expect(before - (await allocated())).toBeGreaterThanOrEqual(32 * mib);
      await one.run(files.check);
    });

    it('holds a file system that e2fsck finds clean', async () => {
      await cluster.one.powerOff();
      await run('e2fsck', ['-fn', cluster.image]);
    });
  });
}
