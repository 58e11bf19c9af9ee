import { beforeAll, describe, expect, it } from 'vitest';
import { type Cluster, clusterDisk } from '../../support/cluster.js';
import { fenceScsi } from '../../support/fence-scsi.js';
import { type GuestProcess } from '../../support/guest-process.js';
import { clearReservations, registeredKeys, reservation } from '../../support/sg-persist.js';

const type = 'Write Exclusive, registrants only';
const write = `dd if=/dev/zero of=${clusterDisk} bs=4k count=1 oflag=direct`;

/** Debian's fence_scsi in a cluster of two, told in the order in which it happens. */
export function describeFenceScsi(cluster: Cluster): void {
  describe('fence_scsi', () => {
    beforeAll(async () => {
      for (const node of cluster.nodes) await node.run('rm -f /run/cluster*');
      await clearReservations(cluster.one);
    });

    const fenced = async (node: GuestProcess) => {
      await node.run('dmesg -c >/dev/null');
      await expect(node.run(write)).rejects.toThrow('Invalid exchange');
      expect(await node.run('dmesg')).toContain('reservation conflict');
      await node.run(`dd if=${clusterDisk} of=/dev/null bs=4k count=1 iflag=direct`);
    };

    it('lets both nodes in', async () => {
      const { one, two } = cluster;
      expect(await fenceScsi(one, 'on', 'a1')).toContain('Success: Powered ON');
      expect(await fenceScsi(two, 'on', 'b2')).toContain('Success: Powered ON');
      expect(await registeredKeys(one)).toEqual(['a1', 'b2']);
      expect(await reservation(two)).toEqual({ key: 'a1', type });
      for (const node of cluster.nodes) {
        await fenceScsi(node, 'monitor', 'a1');
        await node.run(write);
      }
    });

    it('knows both as on', async () => {
      for (const node of cluster.nodes) {
        expect(await fenceScsi(node, 'status', 'a1')).toContain('Status: ON');
        expect(await fenceScsi(node, 'status', 'b2')).toContain('Status: ON');
        await node.run('/usr/share/cluster/fence_scsi_check');
      }
    });

    it('fences the node that does not hold the reservation', async () => {
      const { one, two } = cluster;
      expect(await fenceScsi(one, 'off', 'b2')).toContain('Success: Powered OFF');
      expect(await registeredKeys(one)).toEqual(['a1']);
      await fenced(two);
      await one.run(write);
      await expect(fenceScsi(two, 'status', 'b2')).rejects.toThrow('Status: OFF');
      // What a watchdog asks: 2 calls for a reboot.
      await expect(two.run('/usr/share/cluster/fence_scsi_check')).rejects.toThrow('exit code 2:');
    });

    it('lets it in again', async () => {
      expect(await fenceScsi(cluster.two, 'on', 'b2')).toContain('Success: Powered ON');
      expect(await registeredKeys(cluster.one)).toEqual(['a1', 'b2']);
      await cluster.two.run(write);
    });

    it('registers a node anew that is registered: by preempting itself', async () => {
      for (const [node, key] of [
        [cluster.one, 'a1'],
        [cluster.two, 'b2'],
      ] as const) {
        const log = await fenceScsi(node, 'on', key, '--verbose');
        expect(log).toContain(`-n -o -P -T 5 -K ${key} -S ${key} -d ${clusterDisk}`);
        expect(await registeredKeys(node)).toEqual(expect.arrayContaining(['a1', 'b2']));
        expect(await reservation(node)).toEqual({ key: 'a1', type });
        await node.run(write);
      }
    });

    it('fences the node that holds the reservation, which goes over', async () => {
      const { one, two } = cluster;
      expect(await fenceScsi(two, 'off', 'a1')).toContain('Success: Powered OFF');
      expect(await registeredKeys(two)).toEqual(['b2']);
      expect(await reservation(one)).toEqual({ key: 'b2', type });
      await fenced(one);
      await two.run(write);
    });

    it('has nothing to do for a node that is fenced', async () => {
      expect(await fenceScsi(cluster.two, 'off', 'a1')).toContain('Success: Already OFF');
    });

    it('does not fence its own node', async () => {
      await expect(fenceScsi(cluster.two, 'off', 'b2')).rejects.toThrow('can not fence yourself');
      expect(await registeredKeys(cluster.two)).toEqual(['b2']);
    });
  });
}
