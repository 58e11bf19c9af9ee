/**
 * Whether multipathd would act on a logical unit's registrations by itself (fencing rule 19). With a
 * reservation_key it registers returning paths on its own, by REGISTER AND IGNORE, and so can revive
 * a guest that was fenced meanwhile.
 */
import type { MultipathdFact } from './multipathd.js';
import type { RememberedKey } from './prkeys-file.js';

export interface MultipathdClaims {
  readonly reservationKey: MultipathdFact<string | undefined>;
  readonly rememberedKey: RememberedKey;
}

/** What stands against reservations of ours, in a sentence, and what to do. */
export interface Interference {
  readonly what: string;
  readonly advice: string;
}

/**
 * @param map multipathd's name of the map, for messages
 * @param tells we are root and tell multipathd of every registration, so that a key in its file is
 *   the one we told it
 * @returns undefined if nothing stands against them
 */
export function interference(
  claims: MultipathdClaims,
  map: string,
  tells: boolean,
): Interference | undefined {
  const { reservationKey } = claims;
  switch (reservationKey.kind) {
    case 'absent':
      return undefined;
    case 'unknown':
      return {
        what: `multipathd runs but can't be asked for its reservation_key (${reservationKey.reason})`,
        advice: 'see whether "multipathd show config local" answers, and try again',
      };
    case 'known':
      return claimOf(reservationKey.value, claims.rememberedKey, map, tells);
  }
}

function claimOf(
  setting: string | undefined,
  remembered: RememberedKey,
  map: string,
  tells: boolean,
): Interference | undefined {
  if (setting === 'file' && tells) return undefined;
  if (setting !== undefined) {
    return {
      what: `multipathd's reservation_key for ${map} is ${setting}: it would register keys on returning paths by itself, also for a guest that was fenced`,
      advice: 'remove reservation_key from multipath.conf and run "multipathd reconfigure"',
    };
  }
  // One that can't be read is not used either: without reservation_key multipathd does not look.
  if (remembered.key === undefined) return undefined;
  return {
    what: `multipathd remembers the key ${remembered.key} for ${map} from an earlier use of mpathpersist`,
    advice: `run "multipathd unsetprkey map ${map}"`,
  };
}
