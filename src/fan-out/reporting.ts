/** PERSISTENT RESERVE IN as the guest is to see it: its host's paths are one registrant. Pure. */
import type { Nexus, NexusId } from '../pr/nexus.js';
import type { FullStatusDescriptor, PrCapabilities, PrInData } from '../pr/outcome.js';
import { type Carriage, carriedTypes } from './refusals.js';

/**
 * Folds proven own registrations (fencing rule 12): one for each key, in the place of the first,
 * under the guest's own name, which stays the same whatever becomes of the paths.
 */
export function folded(
  registrations: readonly FullStatusDescriptor[],
  own: ReadonlySet<NexusId>,
  guest: Nexus,
): FullStatusDescriptor[] {
  const result: FullStatusDescriptor[] = [];
  for (const registration of registrations) {
    const isOwn = own.has(registration.nexus.id);
    const at = isOwn
      ? result.findIndex(({ nexus, key }) => nexus === guest && key === registration.key)
      : -1;
    const before = result[at];
    if (before === undefined) {
      result.push(isOwn ? { ...registration, nexus: guest, allTgPt: false } : registration);
    } else {
      result[at] = { ...before, reservation: before.reservation ?? registration.reservation };
    }
  }
  return result;
}

export function foldedFullStatus(
  data: PrInData & { action: 'read-full-status' },
  own: ReadonlySet<NexusId>,
  guest: Nexus,
): PrInData & { action: 'read-full-status' } {
  return { ...data, registrations: folded(data.registrations, own, guest) };
}

export function keysOf({
  generation,
  registrations,
}: PrInData & { action: 'read-full-status' }): PrInData {
  return { action: 'read-keys', generation, keys: registrations.map(({ key }) => key) };
}

/** The device's own, without what the fan-out does not carry. */
export function carriedCapabilities(
  device: PrCapabilities | undefined,
  carriage: Carriage,
  aptpl: boolean,
): PrCapabilities {
  const { limits, severalNexuses } = carriage;
  const carried = carriedTypes(severalNexuses);
  return {
    ...(device ?? capabilitiesUnknown),
    // sd and nvme register with APTPL=1 whatever is asked.
    persistThroughPowerLossActive: limits.aptplChoice
      ? (device?.persistThroughPowerLossActive ?? aptpl)
      : true,
    replaceLostReservation: false,
    specIPt: false,
    allTgPt: false,
    types: (device?.types ?? carried).filter((type) => carried.includes(type)),
  };
}

const capabilitiesUnknown: PrCapabilities = {
  replaceLostReservation: false,
  compatibleReservationHandling: false,
  specIPt: false,
  allTgPt: false,
  persistThroughPowerLoss: true,
  persistThroughPowerLossActive: true,
  // 000b: no information about what is let through (SPC-4 table 208).
  allowCommands: 0,
  types: [],
};
