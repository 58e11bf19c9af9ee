/** `holdfast pr ... DEVICE`: one command through the paths of a device that nobody serves now. */
import * as v from 'valibot';
import {
  commandFromJson,
  outcomeToJson,
  type PrCommandJson,
  prCommandSchema,
  type PrOutcomeJson,
} from '../control/reservation-json.js';
import { openDevice } from '../library/open-device.js';

/**
 * @param initiator under which this host's registrations are shown
 * @param stateDirectory where it is noted what this host has registered, for who serves it later
 * @throws Failure if the device can't have reservations, no path carries them, or it is in use
 */
export async function executeOnDevice(
  path: string,
  initiator: string,
  stateDirectory: string,
  command: PrCommandJson,
): Promise<PrOutcomeJson> {
  const device = await openDevice(path, { initiator, stateDirectory });
  try {
    const parsed = commandFromJson(v.parse(prCommandSchema, command));
    return outcomeToJson(await device.execute(parsed));
  } finally {
    await device.close();
  }
}
