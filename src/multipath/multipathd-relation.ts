import { refusal } from '../util/failure.js';
import { multipathdWwid } from './device-map.js';
import { interference, type MultipathdClaims } from './interference.js';
import { InterferenceWatch } from './interference-watch.js';
import { unitName, type UnitDevice } from './logical-unit.js';
import type { Multipathd } from './multipathd.js';
import type { MultipathdClient } from './multipathd-client.js';
import { rememberedKey } from './prkeys-file.js';
import { MultipathdNotices, noNotices, type RegistrationNotices } from './registration-notices.js';

/** Who is asked, and who asks. */
export interface MultipathdAccess {
  readonly multipathd: Pick<Multipathd, 'reservationKey'>;
  readonly client: Pick<MultipathdClient, 'ask'>;
  readonly isRoot: boolean;
}

export interface MultipathdRelation {
  readonly notices: RegistrationNotices;
  /** See `InterferenceWatch.obstacle`. */
  readonly obstacle: () => Promise<string | undefined>;
}

/**
 * Comes to terms with multipathd before the reservations of a device are served: as root it is told
 * of each registration if it keeps keys, everybody else needs it to keep none (fencing rule 19).
 * @param remembered what it remembers, by multipathd's name of the logical unit
 * @throws Failure (refused) with what stands against it and what to do
 */
export async function relateToMultipathd(
  device: UnitDevice,
  { multipathd, client, isRoot }: MultipathdAccess,
  remembered = rememberedKey,
): Promise<MultipathdRelation> {
  const { map } = device;
  if (map === undefined) return noRelation;
  const wwid = multipathdWwid(map);
  const ask = async (): Promise<MultipathdClaims> => ({
    reservationKey: await multipathd.reservationKey(wwid),
    rememberedKey: remembered(wwid),
  });
  const claims = await ask();
  const found = interference(claims, map.name, isRoot);
  if (found !== undefined) {
    throw refusal(
      `the reservations of ${unitName(device)} can't be served, since ${found.what}: ${found.advice}`,
    );
  }
  const { reservationKey } = claims;
  const tells = reservationKey.kind === 'known' && reservationKey.value !== undefined;
  const watch = new InterferenceWatch({ ask, map: map.name, tells });
  return {
    notices: tells ? new MultipathdNotices(client, device.name) : noNotices,
    obstacle: () => watch.obstacle(),
  };
}

/** multipathd knows maps only. */
const noRelation: MultipathdRelation = {
  notices: noNotices,
  obstacle: () => Promise.resolve(undefined),
};
