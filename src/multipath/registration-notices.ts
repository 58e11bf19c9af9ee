import type { MultipathdClient } from './multipathd-client.js';

/** What became of the logical unit's registrations and reservation, as multipathd keeps it. */
export interface RegistrationNotices {
  /**
   * Before the paths are touched: a path that comes up meanwhile shall get the new key. To be called
   * with the old key if registering fails.
   * @param key 0 to unregister, or when the last registration is gone
   * @returns false if multipathd didn't take it: then nothing may be registered
   */
  registering(key: bigint, aptpl: boolean): Promise<boolean>;
  /** After the key is registered. @param paths names of those that have it, `sda` */
  registered(paths: readonly string[]): Promise<void>;
  /** After the last registration is gone: by the guest, by CLEAR or by a preempt; key 0 is told. */
  unregistered(): Promise<void>;
  /** After it was reserved or released. */
  reserved(holds: boolean): Promise<void>;
}

/**
 * Tells multipathd in libmpathpersist's order, so that it registers returning paths with the guest's
 * present key and not with an old one. It takes this from root only, and keeps keys only where its
 * reservation_key is `file`; everywhere else use `noNotices`.
 *
 * Its commands differ: before 0.13.0 there is no `setprhold`, before 0.13.1 `setprstatus` takes no paths.
 * What an old one doesn't know it doesn't keep, so such refusals are ignored.
 */
export class MultipathdNotices implements RegistrationNotices {
  readonly #client: Pick<MultipathdClient, 'ask'>;
  readonly #map: string;

  /** @param map the kernel's name of the map, `dm-0` */
  constructor(client: Pick<MultipathdClient, 'ask'>, map: string) {
    this.#client = client;
    this.#map = map;
  }

  registering(key: bigint, aptpl: boolean): Promise<boolean> {
    return key === 0n
      ? this.#tell(`unsetprkey map ${this.#map}`)
      : this.#tell(`setprkey map ${this.#map} key ${key.toString(16)}${aptpl ? ':aptpl' : ''}`);
  }

  async registered(paths: readonly string[]): Promise<void> {
    const command = `setprstatus map ${this.#map}`;
    if (!(await this.#tell(`${command} pathlist "${paths.join(' ')}"`))) await this.#tell(command);
  }

  async unregistered(): Promise<void> {
    await this.#tell(`unsetprstatus map ${this.#map}`);
  }

  async reserved(holds: boolean): Promise<void> {
    await this.#tell(`${holds ? 'setprhold' : 'unsetprhold'} map ${this.#map}`);
  }

  async #tell(command: string): Promise<boolean> {
    const reply = await this.#client.ask(command);
    return reply.kind === 'answered' && reply.text.startsWith('ok');
  }
}

/** Where multipathd keeps no keys of the logical unit. */
export const noNotices: RegistrationNotices = {
  registering: () => Promise.resolve(true),
  registered: () => Promise.resolve(),
  unregistered: () => Promise.resolve(),
  reserved: () => Promise.resolve(),
};
