/** `holdfast pr ... DEVICE`: one command through the paths of a device that nobody serves now. */
import * as v from 'valibot';
import {
  commandFromJson,
  outcomeToJson,
  type PrCommandJson,
  prCommandSchema,
  type PrOutcomeJson,
} from '../control/reservation-json.js';
import { loadNativeAddon } from '../native/load-native-addon.js';
import { guestNexus } from '../pr/nexus.js';
import { createLogger } from '../telemetry/logger.js';
import { ForeignData } from '../unit/foreign-data.js';
import { HostUnit } from '../unit/host-unit.js';

const timeoutMs = 10_000;

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
  const guest = guestNexus(initiator);
  const unit = await HostUnit.open(loadNativeAddon(), HostUnit.find(path), {
    guest,
    gate: new ForeignData(),
    journalFolder: stateDirectory,
    timeoutMs,
    depth: 1,
    onAttention: () => undefined,
    onChange: () => undefined,
    log: createLogger('warn'),
  });
  try {
    const parsed = commandFromJson(v.parse(prCommandSchema, command));
    return outcomeToJson(await unit.reservations.execute(guest, parsed));
  } finally {
    await unit.close();
  }
}
