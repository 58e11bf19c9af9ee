/** Disks for tests, with reservations that are scripted or real. */
import type { AccessFence, FencePosition } from '../../../../src/emulated/access-fence.js';
import { EmulatedReservations } from '../../../../src/emulated/emulated-reservations.js';
import type { StoredReservations } from '../../../../src/emulated/state-store.js';
import type { CommandAccess } from '../../../../src/pr/access.js';
import type { ReservationCommand } from '../../../../src/pr/command.js';
import type { LogicalUnitReservations } from '../../../../src/pr/logical-unit-reservations.js';
import { guestNexus, type Nexus, type NexusId } from '../../../../src/pr/nexus.js';
import { good, type PrOutcome } from '../../../../src/pr/outcome.js';
import { UnitAttentions } from '../../../../src/pr/unit-attention.js';
import type { ScsiStatus } from '../../../../src/scsi/command-outcome.js';
import { derivedDesignator } from '../../../../src/scsi/designator.js';
import { defaultProduct } from '../../../../src/scsi/identity.js';
import {
  LogicalUnit,
  type LogicalUnitOptions,
  type ScsiAnswer,
} from '../../../../src/scsi/logical-unit.js';
import type { MediumOptions } from '../../../../src/scsi/medium.js';
import type { ScsiResponse } from '../../../../src/scsi/response.js';
import { bytes } from './bytes.js';

export const alice = guestNexus('iqn.2026-01.org.example:alice');
export const bob = guestNexus('iqn.2026-01.org.example:bob');

export const allActions: ReadonlySet<ReservationCommand['action']> = new Set([
  'read-keys',
  'read-reservation',
  'report-capabilities',
  'read-full-status',
  'register',
  'reserve',
  'release',
  'clear',
  'preempt',
  'preempt-and-abort',
  'register-and-ignore-existing-key',
  'register-and-move',
  'replace-lost-reservation',
  'reserve-6',
  'release-6',
]);

export const identity = {
  ...defaultProduct,
  serial: 'hf0123456789abcdef01',
  designator: derivedDesignator('hf0123456789abcdef01'),
};

/** 1 GiB in blocks of 512 bytes, 4096 physical. */
export const plainMedium: MediumOptions = {
  sizeBytes: 2 ** 30,
  blockSize: 512,
  physicalBlockSize: 4096,
  readOnly: false,
  thinProvisioned: true,
  unmappedReadsZero: true,
  compareAndWriteBlocks: 0,
};

/** Answers every reservation command with `outcome` and remembers it. */
export class ScriptedReservations implements LogicalUnitReservations {
  readonly commands: ReservationCommand[] = [];
  outcome: PrOutcome = good;
  ofLeftOver: PrOutcome | undefined;
  onRefresh: () => void = () => undefined;
  /** Kinds of access that conflict. */
  conflicting = new Set<CommandAccess>();
  readonly #attentions = new Map<NexusId, UnitAttentions>();

  execute(_nexus: Nexus, command: ReservationCommand): Promise<PrOutcome> {
    this.commands.push(command);
    return Promise.resolve(this.outcome);
  }

  leftOver(): PrOutcome | undefined {
    return this.ofLeftOver;
  }

  refresh(): Promise<void> {
    this.onRefresh();
    return Promise.resolve();
  }

  permits(_nexus: Nexus, access: CommandAccess): boolean {
    return !this.conflicting.has(access);
  }

  unitAttentions({ id }: Nexus): UnitAttentions {
    const known = this.#attentions.get(id) ?? new UnitAttentions();
    this.#attentions.set(id, known);
    return known;
  }
}

/** A disk with scripted reservations, none of whose nexuses is attached. */
export function diskWith(overrides: Partial<LogicalUnitOptions> = {}): LogicalUnit {
  return new LogicalUnit({
    identity,
    medium: plainMedium,
    reservations: new ScriptedReservations(),
    reservationActions: allActions,
    onSettings: () => undefined,
    onFault: (error) => {
      throw error;
    },
    ...overrides,
  });
}

/** Never anything in flight: `drained` at once. */
class IdleFence implements AccessFence {
  readonly positions = new Map<NexusId, FencePosition>();

  set(nexusId: NexusId, position: FencePosition): void {
    this.positions.set(nexusId, position);
  }

  drained(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

/** What emulated reservations carry out. */
const emulatedActions = new Set(allActions);
emulatedActions.delete('replace-lost-reservation');

/** A disk with real emulated reservations, alice and bob attached, power-on attentions taken. */
export async function sharedDisk(): Promise<LogicalUnit> {
  let saved: StoredReservations | undefined;
  const reservations = await EmulatedReservations.open({
    store: {
      load: () => Promise.resolve(saved),
      save: (stored) => {
        saved = stored;
        return Promise.resolve();
      },
    },
    fence: new IdleFence(),
    onStoreFailure: rethrow,
    onFault: rethrow,
    timeoutMs: 10_000,
    depth: 16,
  });
  const unit = diskWith({ reservations, reservationActions: emulatedActions });
  for (const nexus of [alice, bob]) {
    reservations.attach(nexus);
    unit.attach(nexus);
    reservations.unitAttentions(nexus).take();
  }
  return unit;
}

function rethrow(error: unknown): never {
  throw error;
}

/** Sends one command, CDB and data in hex. */
export async function send(
  unit: LogicalUnit,
  cdb: string,
  dataOut: string | Buffer = '',
  nexus = alice,
): Promise<ScsiResponse> {
  const data = typeof dataOut === 'string' ? bytes(dataOut) : dataOut;
  return response(await unit.execute(nexus, { cdb: bytes(cdb), dataOut: data, luns: [0] }));
}

export function response(answer: ScsiAnswer): ScsiResponse {
  if (answer === 'natively') throw new Error('the data plane was to run the command');
  return answer;
}

/** `5/24/00` of a CHECK CONDITION with fixed sense data, else the status: `good`, `conflict` ... */
export function verdict({ status, sense }: ScsiResponse): string {
  const names: Record<Exclude<ScsiStatus, 0x02>, string> = {
    0x00: 'good',
    0x08: 'busy',
    0x18: 'conflict',
    0x28: 'task set full',
  };
  if (status !== 0x02) return names[status];
  const [key = 0, asc = 0, ascq = 0] = [sense[2], sense[12], sense[13]];
  return [key.toString(16), ...[asc, ascq].map((code) => code.toString(16).padStart(2, '0'))].join(
    '/',
  );
}

/** Where the field pointer of fixed sense data points: `cdb 2 bit 5`, `list 20`. */
export function fieldInError({ sense }: ScsiResponse): string {
  const flags = sense.readUInt8(15);
  if ((flags & 0x80) === 0) return 'nowhere';
  const place = (flags & 0x40) === 0 ? 'list' : 'cdb';
  const bit = (flags & 0x08) === 0 ? '' : ` bit ${flags & 0x07}`;
  return `${place} ${sense.readUInt16BE(16)}${bit}`;
}
