/** A Reservation Report as parameter data of PERSISTENT RESERVE IN. */
import type { PrInCommand } from '../pr/command.js';
import type { PrInData } from '../pr/outcome.js';
import { heldByAllRegistrants } from '../pr/reservation.js';
import { type HostIdentifier, nexusOfHost } from './host-identifier.js';
import type { ReportedController, ReservationReport } from './reservation-report.js';

/** What a Report alone can answer. */
export type ReportedAction = Exclude<PrInCommand['action'], 'report-capabilities'>;

export function reportAsScsi(action: ReportedAction, report: ReservationReport): PrInData {
  const { generation, type } = report;
  const hosts = byHost(report);
  switch (action) {
    case 'read-keys':
      return { action, generation, keys: hosts.map(({ key }) => key) };
    case 'read-reservation': {
      if (type === undefined) return { action, generation, reservation: undefined };
      const holder = hosts.find(({ holdsReservation }) => holdsReservation);
      const key = heldByAllRegistrants(type) ? 0n : (holder?.key ?? 0n);
      return { action, generation, reservation: { key, scope: 'logical-unit', type } };
    }
    case 'read-full-status':
      return {
        action,
        generation,
        registrations: hosts.map(({ key, hostId, holdsReservation }) => ({
          key,
          nexus: nexusOfHost(hostId),
          allTgPt: true,
          reservation:
            holdsReservation && type !== undefined ? { scope: 'logical-unit', type } : undefined,
        })),
      };
  }
}

/** One entry for each host, where a Report has one for each of its controllers. */
function byHost({ registrants }: ReservationReport): ReportedController[] {
  const hosts = new Map<HostIdentifier, ReportedController>();
  for (const registrant of registrants) {
    const isHolder = hosts.get(registrant.hostId)?.holdsReservation === true;
    if (!isHolder) hosts.set(registrant.hostId, registrant);
  }
  return [...hosts.values()];
}
