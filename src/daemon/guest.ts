/** One guest: its nexus to each disk, the device it meets them through, and its commands. */
import type { Logger } from 'pino';
import type {
  AttachmentState,
  EndpointOptions,
  MailboxOptions,
  NativeAddon,
  NativeAnswer,
  NativeAttachment,
  NativeFence,
  NativeMessage,
} from '../native/addon.js';
import { guestNexus, type Nexus } from '../pr/nexus.js';
import { decodeVirtioLun } from '../scsi/lun.js';
import { ScsiTarget } from '../scsi/target.js';
import type { GuestDevice, GuestState } from '../takeover/state.js';
import { Attachment } from './attachment.js';
import { guestDeviceOf } from './guest-device.js';
import type { AdmittedGuest, DiskOwnership } from './disk-ownership.js';
import { type FencedDisk, ScsiDevice } from './scsi-device.js';
import type { GuestSettings, ServeOptions } from './serve-options.js';
import type { ServedDisk } from './served-disk.js';

/** Longer than a reservation command can take, so that its answer is the one the guest gets. */
const commandTimeoutMs = 10_000;

/** What a reset is answered with: any answer says that it is done. */
const resetDone: NativeAnswer = {
  status: 0,
  sense: new Uint8Array(),
  dataIn: new Uint8Array(),
};

export class Guest implements AdmittedGuest {
  readonly settings: GuestSettings;
  readonly nexus: Nexus;
  readonly attachment: Attachment<NativeAttachment>;
  readonly #deviceState: GuestDevice;
  readonly #disks = new Map<number, ServedDisk>();
  readonly #target: ScsiTarget;
  readonly #device: ScsiDevice | undefined;
  readonly #log: Logger;
  #left = false;
  /** It handed itself over, or is to come by migration. */
  #away: boolean;

  /**
   * @param disks by LUN; a blk device has one
   * @param ownership of the disks
   * @param inherited of the process before: after `attachment.resume` the guest goes on with it
   * @throws Failure (socket) if the endpoint can't be had
   */
  constructor(
    addon: NativeAddon,
    disks: ReadonlyMap<number, ServedDisk>,
    settings: GuestSettings,
    options: ServeOptions,
    ownership: DiskOwnership,
    log: Logger,
    inherited?: AttachmentState,
  ) {
    this.settings = settings;
    this.#deviceState = guestDeviceOf(settings, options);
    this.#away = options.incoming;
    this.nexus = guestNexus(settings.initiatorName);
    this.#log = log.child({ initiator: settings.initiatorName });
    this.#target = new ScsiTarget(this.nexus);
    const units = [...disks].map(([lun, disk]) => ({ lun, disk, fence: this.#enter(lun, disk) }));
    const { endpoint, device } = settings;
    let scsi: ScsiDevice | undefined;
    this.attachment = new Attachment(
      endpoint,
      this.#log,
      ({ onEvent }) => {
        const { socketMode, pollMicroseconds } = options;
        const admitted = !options.incoming;
        const migratable = [...disks.values()].every((disk) => disk.migratable);
        const served = { socketMode, pollMicroseconds, admitted, migratable };
        const shared = {
          ...endpoint,
          ...served,
          onEvent,
          ...(inherited && { inherited }),
        };
        if (device === 'blk') return this.#openBlk(shared, units, options);
        scsi = new ScsiDevice(addon, units, {
          ...shared,
          numQueues: options.numQueues,
          configSpace: options.scsiConfig,
          mailbox: this.#mailbox(),
        });
        return scsi.native;
      },
      {
        onDisconnected: () => {
          void this.#nexusLost();
        },
        onDisksWanted: (demand) => {
          ownership.wanted(this, demand);
        },
        onDisksLeft: () => {
          this.#away = true;
          ownership.left(this);
        },
      },
      inherited !== undefined,
    );
    this.#device = scsi;
    this.attachment.ended.addEventListener('abort', () => {
      this.#device?.close();
    });
  }

  /**
   * Stops and drains, then leaves the disks.
   * @returns false if I/O was left after `milliseconds`; the guest is still attached then
   */
  async stop(milliseconds: number): Promise<boolean> {
    if (!(await this.attachment.stop(milliseconds))) return false;
    this.#left = true;
    this.#device?.close();
    this.#target.detach();
    await Promise.all([...this.#disks.values()].map((disk) => disk.detach(this.nexus)));
    return true;
  }

  /**
   * What another process needs to go on with it, which stands still until `attachment.resume`; the
   * descriptors are the caller's.
   * @throws Failure (refused) if it doesn't come to that
   */
  async standStill(): Promise<GuestState> {
    return { ...this.#deviceState, attachment: await this.attachment.standStill() };
  }

  admit(demand: number): void {
    if (this.attachment.native.admit(demand)) this.#away = false;
  }

  withdraw(): boolean {
    return this.attachment.native.withdraw();
  }

  /** Gives the guest one more disk, of which it hears by a hotplug event. */
  plug(lun: number, disk: ServedDisk): void {
    if (this.attachment.ended.aborted) return;
    this.#device?.add({ lun, disk, fence: this.#enter(lun, disk) });
  }

  /** Resolves when nothing of this guest is in flight at that disk any more. */
  async unplug(lun: number): Promise<void> {
    const disk = this.#disks.get(lun);
    if (disk === undefined || this.#left) return;
    if (!this.attachment.ended.aborted) await this.#device?.remove(lun);
    this.#target.unplug(lun);
    this.#disks.delete(lun);
    await disk.detach(this.nexus);
  }

  /** @returns the fence for the guest's data */
  #enter(lun: number, disk: ServedDisk): NativeFence {
    const fence = disk.attach(this.nexus);
    this.#disks.set(lun, disk);
    this.#target.plug(lun, disk.unit);
    return fence;
  }

  #openBlk(
    endpoint: EndpointOptions,
    units: readonly FencedDisk[],
    { numQueues, configWce, scsiPassthrough }: ServeOptions,
  ): NativeAttachment {
    const [unit, ...others] = units;
    if (unit === undefined || others.length > 0) {
      throw new Error('a blk device has exactly one disk');
    }
    const { disk, fence } = unit;
    const mailbox = scsiPassthrough ? { mailbox: this.#mailbox() } : {};
    return disk.native.attach({ ...endpoint, numQueues, configWce, fence, ...mailbox });
  }

  #mailbox(): MailboxOptions {
    return {
      commandTimeoutMs,
      onMessages: (messages) => {
        for (const message of messages) void this.#serve(message);
      },
    };
  }

  async #serve(message: NativeMessage): Promise<void> {
    try {
      this.attachment.native.complete(message.token, await this.#answer(message));
    } catch (error) {
      // The guest gets the data plane's time-out.
      this.#log.error({ err: error, message: message.type }, 'a command failed: this is a bug');
    }
  }

  async #answer(message: NativeMessage): Promise<NativeAnswer> {
    switch (message.type) {
      case 'command':
        return this.#target.execute(message);
      case 'logical-unit-reset':
        await this.#diskAt(message.lun)?.reset();
        return resetDone;
      case 'nexus-reset':
        await this.#nexusLost();
        return resetDone;
    }
  }

  #diskAt(lun: Buffer): ServedDisk | undefined {
    const address = decodeVirtioLun(lun);
    return address.kind === 'logical-unit' ? this.#disks.get(address.lun) : undefined;
  }

  async #nexusLost(): Promise<void> {
    // The news of the last disconnection can come after the end.
    if (this.#left) return;
    // A guest that runs elsewhere, or is about to, has lost nothing.
    if (this.#away) return;
    await Promise.all([...this.#disks.values()].map((disk) => disk.nexusLost(this.nexus)));
  }
}
