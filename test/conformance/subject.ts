/** Who is held against the conflict tables, within one process. */
import { AssertionError } from 'node:assert';
import { EmulatedReservations } from '../../src/emulated/emulated-reservations.js';
import { emulatedActions } from '../../src/emulated/transition.js';
import type { ReservationCommand } from '../../src/pr/command.js';
import type { Nexus } from '../../src/pr/nexus.js';
import type { PrOutcome } from '../../src/pr/outcome.js';
import { Cdb } from '../../src/scsi/cdb.js';
import { scsiStatus } from '../../src/scsi/command-outcome.js';
import { derivedDesignator } from '../../src/scsi/designator.js';
import { defaultProduct } from '../../src/scsi/identity.js';
import { LogicalUnit } from '../../src/scsi/logical-unit.js';
import { MemoryStore } from '../unit/emulated/support/memory-store.js';
import { RecordingFence } from '../unit/emulated/support/recording-fence.js';

export interface Subject {
  readonly name: string;
  /** Opens a disk that is shared by these nexuses, none of which has a unit attention pending. */
  open(nexuses: readonly Nexus[]): Promise<OpenSubject>;
}

export interface OpenSubject {
  execute(nexus: Nexus, command: ReservationCommand): Promise<PrOutcome['status']>;
  /** False: the command ends in RESERVATION CONFLICT. Undefined: this subject never sees it. */
  admits(nexus: Nexus, command: SentCommand): Promise<boolean | undefined>;
}

export interface SentCommand {
  readonly cdb: Buffer;
  readonly dataOut: Buffer;
}

/** Commands with all their checks, as the control plane runs them. */
export const controlPlane: Subject = {
  name: 'the control plane',
  async open(nexuses) {
    const { unit, reservations } = await openUnit(nexuses);
    return {
      execute: async (nexus, command) => (await reservations.execute(nexus, command)).status,
      admits: async (nexus, command) => {
        const answer = await unit.execute(nexus, { ...command, luns: [0] });
        return answer === 'natively' || answer.status !== scsiStatus.reservationConflict;
      },
    };
  },
};

/** What the control plane tells the data plane, which judges reads and writes by that alone. */
export const fencePositions: Subject = {
  name: 'the positions of the access fence',
  async open(nexuses) {
    const { unit, reservations, fence } = await openUnit(nexuses);
    return {
      execute: async (nexus, command) => (await reservations.execute(nexus, command)).status,
      admits: (nexus, { cdb }) => {
        const { value: command } = unit.commands.find(new Cdb(cdb));
        if (command?.run !== 'natively') return Promise.resolve(undefined);
        return Promise.resolve(fence.position(nexus.id)[command.access]);
      },
    };
  },
};

async function openUnit(nexuses: readonly Nexus[]) {
  const fence = new RecordingFence();
  const reservations = await EmulatedReservations.open({
    store: new MemoryStore(),
    fence,
    timeoutMs: 10_000,
    depth: 8,
    onFault: fail,
    onStoreFailure: fail,
  });
  const serial = 'conformance';
  const unit = new LogicalUnit({
    identity: { ...defaultProduct, serial, designator: derivedDesignator(serial) },
    medium: {
      sizeBytes: 2 ** 20,
      blockSize: 512,
      physicalBlockSize: 512,
      readOnly: false,
      thinProvisioned: true,
      unmappedReadsZero: true,
      compareAndWriteBlocks: 1,
    },
    reservations,
    reservationActions: emulatedActions,
    onSettings: () => undefined,
    onFault: (error) => {
      throw error;
    },
  });
  for (const nexus of nexuses) {
    reservations.attach(nexus);
    unit.attach(nexus);
    while (reservations.unitAttentions(nexus).take() !== undefined);
  }
  return { unit, reservations, fence };
}

function fail(error: unknown): never {
  throw new AssertionError({ message: 'the reservation machine failed', actual: error });
}
