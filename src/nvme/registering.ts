/** REGISTER and REGISTER AND IGNORE EXISTING KEY as NVMe commands. */
import type { RegisterAndIgnoreCommand, RegisterCommand } from '../pr/command.js';
import { busy, good, reservationConflict } from '../pr/outcome.js';
import type { ReservationKey } from '../pr/reservation.js';
import { invalidFieldInParameterList } from '../pr/sense.js';
import { canPersist } from './capabilities.js';
import { fetchReport } from './fetch-report.js';
import {
  answerOf,
  isConflict,
  type NvmeHost,
  type NvmeProgram,
  outcome,
  refused,
  single,
} from './nvme-program.js';
import type { NvmeReservationCommand, PersistenceChange } from './reservation-command.js';

export function* register(command: RegisterCommand, host: NvmeHost): NvmeProgram {
  const { prkey, serviceActionKey, specIPt } = command;
  if (specIPt !== undefined || !canCarry(command, host)) {
    return refused(invalidFieldInParameterList);
  }
  const persistence = persistenceOf(command, host);
  if (prkey !== 0n) {
    const action = serviceActionKey === 0n ? 'unregister' : 'replace';
    return yield* single(registration(action, prkey, serviceActionKey, persistence));
  }
  // To NVMe a host that registers its key once more is right; to SCSI it has named a wrong one.
  if (host.hostId !== undefined) {
    const { report, failure } = yield* fetchReport();
    if (failure !== undefined) return failure;
    const isRegistered = report.registrants.some(({ hostId }) => hostId === host.hostId);
    if (isRegistered) return outcome(reservationConflict);
  }
  if (serviceActionKey === 0n) return outcome(good);
  return yield* single(registration('register', 0n, serviceActionKey, persistence));
}

export function* registerAndIgnore(command: RegisterAndIgnoreCommand, host: NvmeHost): NvmeProgram {
  const { serviceActionKey: key } = command;
  if (!canCarry(command, host)) return refused(invalidFieldInParameterList);
  const persistence = persistenceOf(command, host);
  if (key === 0n) {
    const removed = yield { command: ignoringKey('unregister', 0n, persistence) };
    // The host was not registered, and that is what was asked for.
    return isConflict(removed) ? outcome(good) : answerOf(removed);
  }
  const registered = yield { command: registration('register', 0n, key, persistence) };
  if (!isConflict(registered)) return answerOf(registered);
  const replaced = yield { command: ignoringKey('replace', key, persistence) };
  // Registered a moment ago, and not any more: the next attempt will meet one or the other.
  return isConflict(replaced) ? outcome(busy) : answerOf(replaced);
}

type NvmeRegister = Extract<NvmeReservationCommand, { command: 'register' }>;

function registration(
  action: NvmeRegister['action'],
  currentKey: ReservationKey,
  newKey: ReservationKey,
  persistence: PersistenceChange,
): NvmeRegister {
  const ignoreExistingKey = false;
  return { command: 'register', action, ignoreExistingKey, persistence, currentKey, newKey };
}

function ignoringKey(
  action: NvmeRegister['action'],
  newKey: ReservationKey,
  persistence: PersistenceChange,
): NvmeRegister {
  return { ...registration(action, 0n, newKey, persistence), ignoreExistingKey: true };
}

interface Registration {
  readonly aptpl: boolean;
  readonly allTgPt: boolean;
}

function canCarry({ aptpl, allTgPt }: Registration, host: NvmeHost): boolean {
  return !allTgPt && (!aptpl || mayPersist(host));
}

/**
 * The last REGISTER decides for all registrations, also one that takes its own back (SPC-4 §5.13.5). A
 * namespace that can't persist may refuse to be told not to.
 */
function persistenceOf({ aptpl }: Registration, host: NvmeHost): PersistenceChange {
  if (!mayPersist(host)) return 'unchanged';
  return aptpl ? 'set' : 'clear';
}

function mayPersist({ reservationCapabilities: rescap }: NvmeHost): boolean {
  return rescap === undefined || canPersist(rescap);
}
