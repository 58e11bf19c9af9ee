import { parseMapTopology, type MapTopology } from './map-topology.js';
import { MultipathdClient, type MultipathdReply } from './multipathd-client.js';
import { isConfig, reservationKeySetting } from './multipathd-config.js';

/** What multipathd says of one thing; `undefined` values are its answer, too. */
export type MultipathdFact<T> =
  | { readonly kind: 'known'; readonly value: T }
  /** It doesn't run, so it does nothing to the paths either. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly reason: string };

/** The questions that multipathd answers to everybody. */
export class Multipathd {
  readonly #client: Pick<MultipathdClient, 'ask'>;

  constructor(client: Pick<MultipathdClient, 'ask'> = new MultipathdClient()) {
    this.#client = client;
  }

  /** @param map the kernel's name, which needs no quotes: `dm-0` */
  async topology(map: string): Promise<MultipathdFact<MapTopology>> {
    const reply = await this.#client.ask(`show map ${map} json`);
    return factOf(reply, parseMapTopology, `it has no map ${map}`);
  }

  /**
   * Its `reservation_key` of a logical unit, see `reservationKeySetting`.
   * @param wwid as multipathd has it, `36001405...`
   */
  async reservationKey(wwid: string): Promise<MultipathdFact<string | undefined>> {
    const config = factOf(
      await this.#client.ask('show config local'),
      (text) => (isConfig(text) ? text : undefined),
      'it does not show its configuration',
    );
    if (config.kind !== 'known') return config;
    return { kind: 'known', value: reservationKeySetting(config.value, wwid) };
  }
}

function factOf<T>(
  reply: MultipathdReply,
  parse: (text: string) => T | undefined,
  otherwise: string,
): MultipathdFact<T> {
  switch (reply.kind) {
    case 'absent':
      return reply;
    case 'failed':
      return { kind: 'unknown', reason: reply.reason };
    case 'answered': {
      const value = parse(reply.text);
      return value === undefined
        ? { kind: 'unknown', reason: otherwise }
        : { kind: 'known', value };
    }
  }
}
