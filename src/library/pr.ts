/**
 * `holdfast/pr`: persistent reservations of multipath devices for other programs. `openDevice` goes
 * through the paths by the process' own right, `openThroughDaemon` by way of `holdfast prd`. Who has
 * paths of another kind builds on `DeviceReservations`, the fan-out that both rest on.
 */
export {
  DeviceReservations,
  type DeviceReservationsOptions,
} from '../fan-out/device-reservations.js';
export { FileJournal } from '../fan-out/file-journal.js';
export type { JournalStore } from '../fan-out/journal.js';
export type { Clock } from '../pr/clock.js';
export type { PrCommand, PrInCommand, PrOutCommand } from '../pr/command.js';
export type { DataGate } from '../pr/data-gate.js';
export { guestNexus, isInitiatorName, type Nexus } from '../pr/nexus.js';
export type {
  FullStatusDescriptor,
  PrCapabilities,
  PrInData,
  PrOutcome,
  ReservationDescriptor,
} from '../pr/outcome.js';
export type { Path, PathSource, PathState } from '../pr/path.js';
export {
  formatKey,
  type ReservationKey,
  type ReservationType,
  reservationTypes,
} from '../pr/reservation.js';
export type { Sense } from '../pr/sense.js';
export {
  noLimits,
  type PathIdentity,
  type PathOutcome,
  type PathTransport,
  type TransportLimits,
} from '../pr/transport.js';
export type { TransportKind } from '../transports/open-transport.js';
export { ForeignData } from '../unit/foreign-data.js';
export { type DeviceOptions, openDevice } from './open-device.js';
export { openThroughDaemon } from './open-through-daemon.js';
export { type Carrier, Reservations } from './reservations.js';
