/**
 * <linux/pr.h> on a disk's block node. It can't say everything: APTPL is always set, and there is no
 * READ FULL STATUS, REPORT CAPABILITIES, ALL_TG_PT, SPEC_I_PT or REGISTER AND MOVE. A sense is made of
 * what the kernel hands on of it.
 */
import type { PrCommand, RegisterAndIgnoreCommand, RegisterCommand } from '../pr/command.js';
import {
  busy,
  checkCondition,
  good,
  goodWith,
  reservationConflict,
  taskSetFull,
} from '../pr/outcome.js';
import { heldByAllRegistrants } from '../pr/reservation.js';
import {
  internalTargetFailure,
  invalidFieldInCdb,
  invalidFieldInParameterList,
  invalidReleaseOfPersistentReservation,
  type Sense,
} from '../pr/sense.js';
import type { PathIdentity, PathOutcome, TransportLimits } from '../pr/transport.js';
import { hostStatusMeansUnsent } from './host-status.js';
import type { PathProtocol } from './lane-transport.js';
import { nvmeIdentification, nvmeReadiness, type WwidOf } from './nvme-identity.js';
import { answered, notSent, unknown } from './path-outcome.js';
import type { PathNode } from './path-node.js';
import {
  prClear,
  prPreempt,
  prReadKeys,
  prReadReservation,
  prRegister,
  prReserveOrRelease,
} from './pr-ioctl.js';
import type { Program, Returned } from './program.js';
import { scsiIdentification, scsiReadiness } from './scsi-programs.js';

/** @param reads whether this kernel has IOC_PR_READ_KEYS and IOC_PR_READ_RESERVATION (6.19) */
export function linuxPrProtocol(node: PathNode, reads: boolean, wwidOf: WwidOf): PathProtocol {
  const limits: TransportLimits = {
    fullStatus: false,
    reportCapabilities: false,
    aptplChoice: false,
    registerAndMove: false,
    exactSense: false,
    reads,
    hostWide: node.kind === 'nvme',
  };
  return {
    limits,
    reservation: (command) => reservation(command, node),
    readiness: () => readiness(node, reads),
    identification: (): Program<PathIdentity> =>
      node.kind === 'nvme' ? nvmeIdentification(node, wwidOf) : scsiIdentification(node),
  };
}

/** On NVMe a reservation is read where that can be: it goes the way of those that change one. */
function* readiness(node: PathNode, reads: boolean): Program<PathOutcome> {
  if (node.kind === 'scsi') return yield* scsiReadiness(node.driver);
  if (!reads) return yield* nvmeReadiness(node);
  return failureOfRead(yield prReadReservation()) ?? answered(good);
}

function* reservation(command: PrCommand, node: PathNode): Program<PathOutcome> {
  switch (command.action) {
    case 'read-keys':
      return yield* readKeys();
    case 'read-reservation':
      return yield* readReservation();
    case 'register':
      return yield* register(command, node);
    case 'register-and-ignore-existing-key':
      return yield* registerAndIgnore(command, node);
    case 'clear':
      return outcomeOf(yield prClear(command.prkey), node, invalidFieldInParameterList);
    case 'reserve':
    case 'release':
    case 'preempt':
    case 'preempt-and-abort': {
      const { action, prkey, scope, type } = command;
      if (scope === undefined || type === undefined) return refused(invalidFieldInCdb);
      if (action === 'preempt' || action === 'preempt-and-abort') {
        const preempt = prPreempt(action, prkey, command.serviceActionKey, type);
        return outcomeOf(yield preempt, node, invalidFieldInParameterList);
      }
      const refusal =
        action === 'release' ? invalidReleaseOfPersistentReservation : invalidFieldInCdb;
      return outcomeOf(yield prReserveOrRelease(action, prkey, type), node, refusal);
    }
    case 'report-capabilities':
    case 'read-full-status':
    case 'register-and-move':
    case 'replace-lost-reservation':
      return refused(invalidFieldInCdb);
  }
}

function* register(command: RegisterCommand, node: PathNode): Program<PathOutcome> {
  const { prkey, serviceActionKey, specIPt, allTgPt } = command;
  if (specIPt !== undefined || allTgPt) return refused(invalidFieldInParameterList);
  if (!canRegister(serviceActionKey, node)) return refused(invalidFieldInParameterList);
  const returned = yield prRegister(prkey, serviceActionKey, false);
  return outcomeOf(returned, node, invalidFieldInParameterList);
}

function* registerAndIgnore(
  { serviceActionKey, allTgPt }: RegisterAndIgnoreCommand,
  node: PathNode,
): Program<PathOutcome> {
  if (allTgPt || !canRegister(serviceActionKey, node)) return refused(invalidFieldInParameterList);
  const first = outcomeOf(
    yield prRegister(0n, serviceActionKey, true),
    node,
    invalidFieldInParameterList,
  );
  if (node.kind === 'scsi' || !isConflict(first)) return first;
  // To NVMe a key of zero means: register, and any other: replace, whatever is registered.
  const replaced = yield prRegister(serviceActionKey, serviceActionKey, true);
  return outcomeOf(replaced, node, invalidFieldInParameterList);
}

/** On NVMe the kernel makes of "unregister" a registration of key zero. */
function canRegister(serviceActionKey: bigint, node: PathNode): boolean {
  return node.kind === 'scsi' || serviceActionKey !== 0n;
}

/** As many as the kernel's SCSI command can ask for. */
const mostKeys = 8190;
const usualKeys = 512;

function* readKeys(): Program<PathOutcome> {
  for (const room of [usualKeys, mostKeys]) {
    const call = prReadKeys(room);
    const failure = failureOfRead(yield call);
    if (failure !== undefined) return failure;
    const { generation, count, keys } = call.result();
    if (count <= room) return answered(goodWith({ action: 'read-keys', generation, keys }));
  }
  return refused(internalTargetFailure);
}

// Where nothing is reserved sd leaves the generation zero, so it is taken from the keys.
function* readReservation(): Program<PathOutcome> {
  const call = prReadReservation();
  const failure = failureOfRead(yield call);
  if (failure !== undefined) return failure;
  const { generation, key, type } = call.result();
  if (type !== undefined) {
    const shownKey = heldByAllRegistrants(type) ? 0n : key;
    const reservation = { key: shownKey, scope: 'logical-unit', type } as const;
    return answered(goodWith({ action: 'read-reservation', generation, reservation }));
  }
  const keys = prReadKeys(usualKeys);
  const failureOfKeys = failureOfRead(yield keys);
  if (failureOfKeys !== undefined) return failureOfKeys;
  const { generation: generationOfKeys } = keys.result();
  return answered(
    goodWith({ action: 'read-reservation', generation: generationOfKeys, reservation: undefined }),
  );
}

function failureOfRead(returned: Returned): PathOutcome | undefined {
  if (returned.kind === 'failed') return notSent(`<linux/pr.h>: ${returned.errno}`);
  return returned.value === 0 ? undefined : unknown(statusText(returned.value));
}

/** What the kernel says without having sent anything. EINVAL is the device's, as all else is right. */
const errnoOfUnsent: ReadonlySet<string> = new Set([
  'EACCES',
  'EAGAIN',
  'EBADF',
  'ENODEV',
  'ENOMEM',
  'ENOTTY',
  'ENXIO',
  'EOPNOTSUPP',
  'EPERM',
]);

/** @param refusal what EINVAL stands for: ILLEGAL REQUEST 24h or 26h, or NVMe's Invalid Field */
function outcomeOf(returned: Returned, node: PathNode, refusal: Sense): PathOutcome {
  if (returned.kind === 'failed') {
    const { errno } = returned;
    if (errno === 'EINVAL') return refused(refusal);
    const reason = `<linux/pr.h>: ${errno}`;
    return errnoOfUnsent.has(errno) ? notSent(reason) : unknown(reason);
  }
  return outcomeOfStatus(returned.value, node);
}

const nvmeConflict = 0x83;
/** DID_OK and, up to 6.1, DID_NEXUS_FAILURE. */
const hostStatusOfConflicts: readonly number[] = [0x00, 0x11];

// 0 to 0xff is a SCSI status, or enum pr_status which has the same codes; above it are SCSI's host
// byte and, up to 6.1, a message byte. NVMe statuses came through as they are up to 6.1.
function outcomeOfStatus(value: number, node: PathNode): PathOutcome {
  const status = value & 0xff;
  const hostStatus = (value >> 16) & 0xff;
  if (value === 0) return answered(good);
  if (node.kind === 'nvme') {
    const isConflict = status === 0x18 || (value & 0x7ff) === nvmeConflict;
    return isConflict ? answered(reservationConflict) : unknown(statusText(value));
  }
  if (status === 0x18 && hostStatusOfConflicts.includes(hostStatus)) {
    return answered(reservationConflict);
  }
  if (hostStatusMeansUnsent(node.driver, hostStatus)) return notSent(statusText(value));
  if (hostStatus !== 0) return unknown(statusText(value));
  if (status === 0x08) return answered(busy);
  if (status === 0x28) return answered(taskSetFull);
  return unknown(statusText(value));
}

function statusText(value: number): string {
  return `<linux/pr.h>: status 0x${value.toString(16)}`;
}

function refused(sense: Sense): PathOutcome {
  return answered(checkCondition(sense));
}

function isConflict(outcome: PathOutcome): boolean {
  return outcome.kind === 'answered' && outcome.outcome.status === 'reservation-conflict';
}
