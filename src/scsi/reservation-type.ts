/** Codes of reservation types and scopes (SPC-4 §6.15.3.3, §6.15.3.4). */
import type { ScopeAndType } from '../pr/command.js';
import type { ReservationScope, ReservationType } from '../pr/reservation.js';

export const reservationTypeCodes: Readonly<Record<ReservationType, number>> = {
  'write-exclusive': 0x1,
  'exclusive-access': 0x3,
  'write-exclusive-registrants-only': 0x5,
  'exclusive-access-registrants-only': 0x6,
  'write-exclusive-all-registrants': 0x7,
  'exclusive-access-all-registrants': 0x8,
};

const typesByCode = new Map(
  Object.entries(reservationTypeCodes).map(([type, code]) => [code, type as ReservationType]),
);

/** Of scopes and of types. */
const reservedCode = 0xf;

const scopeCodes: Readonly<Record<ReservationScope, number>> = { 'logical-unit': 0x0 };

/** SCOPE in the upper and TYPE in the lower four bits, as CDBs and parameter data have them. */
export function encodeScopeAndType(scope: ReservationScope, type: ReservationType): number {
  return (scopeCodes[scope] << 4) | reservationTypeCodes[type];
}

/** For a scope or type that SPC-4 does not define a reserved code, for the device to judge. */
export function encodeScopeAndTypeOrReserved({ scope, type }: ScopeAndType): number {
  const scopeCode = scope === undefined ? reservedCode : scopeCodes[scope];
  const typeCode = type === undefined ? reservedCode : reservationTypeCodes[type];
  return (scopeCode << 4) | typeCode;
}

export function decodeScope(code: number): ReservationScope | undefined {
  return code === scopeCodes['logical-unit'] ? 'logical-unit' : undefined;
}

export function decodeType(code: number): ReservationType | undefined {
  return typesByCode.get(code);
}
