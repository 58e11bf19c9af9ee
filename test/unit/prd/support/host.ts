/** A host with one logical unit, whose reservations are emulated in memory. */
import { pino } from 'pino';
import { EmulatedReservations } from '../../../../src/emulated/emulated-reservations.js';
import { emulatedActions } from '../../../../src/emulated/transition.js';
import type { DataGate } from '../../../../src/pr/data-gate.js';
import { guestNexus } from '../../../../src/pr/nexus.js';
import type { Sense } from '../../../../src/pr/sense.js';
import type {
  HostDevice,
  HostDevices,
  OpenReservations,
  ReservationObserver,
} from '../../../../src/prd/logical-unit.js';
import { LogicalUnits } from '../../../../src/prd/logical-units.js';
import type { MapSuspender } from '../../../../src/prd/map-suspender.js';
import type { PassedDevice } from '../../../../src/prd/passed-device.js';
import { PeerLog } from '../../../../src/telemetry/peer-log.js';
import { MemoryStore } from '../../emulated/support/memory-store.js';
import { RecordingFence } from '../../emulated/support/recording-fence.js';

export const ours = guestNexus('iqn.2026-11.test:host');
export const foreign = guestNexus('iqn.2026-11.test:another-host');

export class FakeHost implements HostDevices, HostDevice {
  readonly wwid = 'naa.6001405000000001';
  name = 'mpatha (naa.6001405000000001)';
  map = '253:0';
  readonly log: string[] = [];
  /** Called by every `open` before it goes on. */
  beforeOpen: () => Promise<void> = () => Promise.resolve();
  /** Of the guest's registration, as the journal has it. */
  epoch = '1';
  /** Waited for by every close. */
  beforeClose: () => Promise<void> = () => Promise.resolve();
  /** Of the logical unit, while it is open. */
  gate: DataGate | undefined;
  observer: ReservationObserver | undefined;
  reservations: EmulatedReservations | undefined;
  /** Other devices, by their numbers. */
  readonly others = new Map<string, HostDevice>();
  /** This host has a registration on it. */
  isRegistered = false;
  opens = 0;

  registered(): Promise<HostDevice[]> {
    return Promise.resolve(this.isRegistered ? [this] : []);
  }

  find(device: PassedDevice) {
    const found = this.others.get(device.number) ?? this;
    return Promise.resolve(
      found !== this || device.number === this.map
        ? found
        : { refusal: 'not the whole logical unit' },
    );
  }

  async open(gate: DataGate, observer: ReservationObserver): Promise<OpenReservations> {
    await this.beforeOpen();
    this.opens++;
    this.gate = gate;
    gate.beginEpoch(this.epoch);
    this.observer = observer;
    const reservations = await EmulatedReservations.open({
      store: new MemoryStore(),
      fence: new RecordingFence(),
      timeoutMs: 60_000,
      depth: 8,
      onFault: (error) => {
        throw error;
      },
      onStoreFailure: (error) => {
        throw error;
      },
      onChange: () => {
        observer.onChange();
      },
    });
    reservations.attach(ours);
    reservations.attach(foreign);
    this.reservations = reservations;
    const isRegistered = () => this.isRegistered;
    return {
      reservations,
      nexus: ours,
      actions: emulatedActions,
      get registered() {
        return isRegistered();
      },
      close: async () => {
        await this.beforeClose();
        this.reservations = undefined;
      },
    };
  }

  /** The device tells of something. */
  attention(condition: Sense): void {
    this.reservations?.unitAttentions(ours).establish(condition);
    this.observer?.onAttention();
  }

  units(suspender?: MapSuspender): LogicalUnits {
    return new LogicalUnits(this, suspender, this.#logger());
  }

  peerLog(): PeerLog {
    return new PeerLog(this.#logger());
  }

  #logger() {
    return pino(
      { level: 'info' },
      {
        write: (line: string) => {
          this.log.push((JSON.parse(line) as { msg: string }).msg);
        },
      },
    );
  }
}
