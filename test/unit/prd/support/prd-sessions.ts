import { expect } from 'vitest';
import { PassedFds } from '../../../../src/fd-lines/passed-fds.js';
import { PrdSession } from '../../../../src/prd/prd-session.js';
import { connectionPair } from './connections.js';
import { disk, FakeFds } from './fake-fds.js';
import { FakeHost } from './host.js';
import { JsonClient } from './json-client.js';

export const initiator = 'iqn.2026-11.test:vm1';

/** A daemon's sessions on a host of its own, one for each client that connects. */
export class PrdSessions {
  readonly fds = new FakeFds();
  readonly host = new FakeHost();
  /** Of each session, in the order in which they began. */
  readonly ended: Promise<void>[] = [];
  readonly #units = this.host.units();
  readonly #clients: JsonClient[] = [];

  /** @param pid of the process that connects */
  async connect(pid = process.pid): Promise<JsonClient> {
    const connected = this.raw(pid);
    expect(await connected.ask('hello', { version: 1 })).toMatchObject({ result: { version: 1 } });
    return connected;
  }

  /** One that has said nothing. */
  raw(pid = process.pid): JsonClient {
    const [theirs, server] = connectionPair(this.fds);
    server.peer.pid = pid;
    const passed = new PassedFds(this.fds.lane());
    const services = {
      units: this.#units,
      log: this.host.peerLog(),
      examine: this.fds.examine,
    };
    this.ended.push(new PrdSession(server, passed, services).run().then(() => passed.end()));
    const connected = new JsonClient(theirs, this.fds);
    this.#clients.push(connected);
    return connected;
  }

  /** @returns its handle */
  async open(from: JsonClient, device = disk, params: object = {}): Promise<number> {
    const { result } = await from.ask('open', params, device);
    return (result as { handle: number }).handle;
  }

  attach(from: JsonClient): Promise<number> {
    return this.open(from, disk, { attach: { initiator } });
  }

  /** Hangs up on all; nothing that was passed may be left open. */
  async end(): Promise<void> {
    for (const { connection } of this.#clients) connection.close();
    await Promise.all(this.ended);
    expect([...this.fds.open]).toEqual([]);
  }
}
