/**
 * What Windows Server Failover Clustering sends, from two nodes: a guest of holdfast, and another host.
 * Its validation's Register and UnRegister are REGISTER AND IGNORE EXISTING KEY; its type is 5.
 */
import { expect, test } from 'vitest';

import { type LabMachine } from './support/lab-machine.js';
import { labSetups } from './support/lab-setup.js';
import { keysOf, targetView } from './support/reservations.js';
import { rounds } from '../support/rounds.js';
import { bootServedGuest, guestDisk, persist, persistConflict } from './support/served-guest.js';
import { describeOnKernels } from './support/use-lab.js';

/** A node of the cluster, and its way to the disk. */
class Node {
  readonly #machine: Pick<LabMachine, 'run'>;
  readonly #disk: string;

  constructor(machine: Pick<LabMachine, 'run'>, disk: string) {
    this.#machine = machine;
    this.#disk = disk;
  }

  register(key: string): Promise<string> {
    return this.#out(`--register-ignore --param-sark=${key}`);
  }

  reserve(key: string): Promise<string> {
    return this.#out(`--reserve --param-rk=${key} --prout-type=5`);
  }

  preempt(key: string, victim: string): Promise<string> {
    return this.#out(`--preempt --param-rk=${key} --param-sark=${victim} --prout-type=5`);
  }

  release(key: string): Promise<string> {
    return this.#out(`--release --param-rk=${key} --prout-type=5`);
  }

  clear(key: string): Promise<string> {
    return this.#out(`--clear --param-rk=${key}`);
  }

  async keys(): Promise<string[]> {
    const output = await persist(this.#machine, '--in --read-keys', this.#disk);
    return [...output.matchAll(/^\s+0x([0-9a-f]+)$/gm)].map(([, key = '']) => key).sort();
  }

  /** The key that READ RESERVATION names. */
  async holder(): Promise<string | undefined> {
    const output = await persist(this.#machine, '--in --read-reservation', this.#disk);
    return /Key=0x([0-9a-f]+)/.exec(output)?.[1];
  }

  /** The disk's name: VPD page 83h. */
  async name(): Promise<string | undefined> {
    const page = await this.#machine.run(`sg_vpd --page=di ${this.#disk}`);
    return /designator type: NAA[^]*?(0x[0-9a-f]{32})/.exec(page)?.[1];
  }

  #out(args: string): Promise<string> {
    return persist(this.#machine, `--out ${args}`, this.#disk);
  }
}

describeOnKernels(
  'a failover cluster of Windows',
  labSetups.iscsi,
  (lab) => {
    async function nodes(): Promise<[Node, Node]> {
      const guest = await bootServedGuest(lab.host);
      return [new Node(guest, guestDisk), new Node(lab.host, '/dev/lab/other-sg')];
    }

    test('validates the disk from both of its nodes', async () => {
      const [one, two] = await nodes();
      expect(await one.name()).toMatch(/^0x6/);
      expect(await one.name()).toBe(await two.name());

      for (const [node, key, notRegistered, peer, peerKey] of [
        [one, 'a1', persistConflict, two, 'b2'],
        [two, 'b2', 'Device not ready', one, 'a1'], // LIO's word for it
      ] as const) {
        await expect(node.clear(key)).rejects.toThrow(notRegistered);
        await node.register(key);
        await peer.register(peerKey);
        await node.reserve(key);
        for (const reader of [node, peer]) expect(await reader.holder()).toBe(key);
        await expect(peer.reserve(peerKey)).rejects.toThrow(persistConflict);
        await peer.preempt(peerKey, key);
        for (const reader of [node, peer]) expect(await reader.holder()).toBe(peerKey);
        await expect(node.release(key), 'preempted').rejects.toThrow(persistConflict);
        await node.register(key);
        await node.release(key);
        expect(await node.holder(), 'it does not hold it').toBe(peerKey);
        await peer.release(peerKey);
        expect(await node.holder()).toBeUndefined();
        await node.register('0');
        await peer.clear(peerKey);
        expect(keysOf(await targetView(lab.host, '/dev/lab/other-sg'))).toEqual([]);
      }
    });

    test('whose nodes have one key: neither takes or frees what the other holds', async () => {
      const [one, two] = await nodes();
      for (const node of [one, two]) await node.register('c3');
      expect(await one.keys()).toEqual(['c3', 'c3']);
      for (const [holder, peer] of [
        [one, two],
        [two, one],
      ] as const) {
        await holder.reserve('c3');
        await expect(peer.reserve('c3')).rejects.toThrow(persistConflict);
        await peer.release('c3');
        expect(await holder.holder()).toBe('c3');
        await holder.release('c3');
        expect(await peer.holder()).toBeUndefined();
      }
    });

    test('whose holder defends its reservation while a path of its host is silent', async () => {
      const [one, two] = await nodes();
      await one.register('a1');
      await one.reserve('a1');
      await two.register('b2');
      const defend = async (): Promise<number> => {
        const start = performance.now();
        expect(await one.holder()).toBe('a1');
        await one.reserve('a1');
        const taken = performance.now() - start;
        await expect(two.reserve('b2')).rejects.toThrow(persistConflict);
        return Math.round(taken);
      };
      const before = [await defend(), await defend()];
      await lab.host.run('black_hole 127.0.0.1');
      const times: number[] = [];
      for (let round = 0; round < rounds(20, 1); round += 1) times.push(await defend());
      console.log(
        `defences, ms each: with two paths ${before.join(' ')}, with a silent one ${times.join(' ')}`,
      );
      await lab.host.run("heal; wait_for '[ $(ready_paths) = 2 ]'");
      await one.release('a1');
      await two.reserve('b2');
      expect(await one.holder()).toBe('b2');
    });
  },
  ['6.12'],
);
