/** RESCAP of Identify Namespace, and what of it REPORT CAPABILITIES says. */
import type { PrCapabilities } from '../pr/outcome.js';
import { reservationTypes } from '../pr/reservation.js';

const persistsBit = 0x01;
/** IEKEY behaves as from NVMe 1.3 on. */
const ignoreExistingKeyBit = 0x80;

/** Bits 1 to 6 stand for the six types in their order. */
function typeBit(index: number): number {
  return 2 << index;
}

export function canPersist(rescap: number): boolean {
  return (rescap & persistsBit) !== 0;
}

export function supportsReservations(rescap: number): boolean {
  return reservationTypes.some((_, index) => (rescap & typeBit(index)) !== 0);
}

/** @param active whether registrations now persist through a power loss (PTPLS of a Report) */
export function capabilitiesOf(rescap: number, active: boolean): PrCapabilities {
  return {
    replaceLostReservation: false,
    compatibleReservationHandling: false,
    specIPt: false,
    allTgPt: false,
    persistThroughPowerLoss: canPersist(rescap),
    persistThroughPowerLossActive: active,
    allowCommands: 0,
    types: reservationTypes.filter((_, index) => (rescap & typeBit(index)) !== 0),
  };
}

/** The reverse, for a front end whose reservations have these capabilities. */
export function encodeCapabilities(capabilities: PrCapabilities): number {
  const types = reservationTypes.map((type, index) =>
    capabilities.types.includes(type) ? typeBit(index) : 0,
  );
  const persists = capabilities.persistThroughPowerLoss ? persistsBit : 0;
  return types.reduce((sum, bit) => sum | bit, persists | ignoreExistingKeyBit);
}
