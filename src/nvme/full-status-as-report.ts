import type { PrInData } from '../pr/outcome.js';
import type { ServedHost } from './served-host.js';
import { hostOfNexus } from './host-identifier.js';
import { dynamicController, type ReservationReport } from './reservation-report.js';

/**
 * READ FULL STATUS as a Reservation Report shows it to `host`.
 * @param persists whether registrations now persist through a power loss
 */
export function fullStatusAsReport(
  { generation, registrations }: Extract<PrInData, { action: 'read-full-status' }>,
  persists: boolean,
  host: ServedHost,
): ReservationReport {
  const holder = registrations.find(({ reservation }) => reservation !== undefined);
  return {
    generation,
    type: holder?.reservation?.type,
    persistsThroughPowerLoss: persists,
    registrants: registrations.map(({ key, nexus, reservation }) => ({
      controllerId: dynamicController,
      holdsReservation: reservation !== undefined,
      key,
      hostId: nexus.id === host.nexusId ? host.hostId : hostOfNexus(nexus),
    })),
  };
}
