/** One guest: its nexus to each disk, the device it meets them through, and its commands. */
import type { Logger } from 'pino';
import type {
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
import { Attachment } from './attachment.js';
import { ScsiDevice } from './scsi-device.js';
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

export class Guest {
  readonly settings: GuestSettings;
  readonly nexus: Nexus;
  readonly attachment: Attachment<NativeAttachment>;
  readonly #disks: readonly ServedDisk[];
  readonly #target: ScsiTarget;
  readonly #device: ScsiDevice | undefined;
  readonly #log: Logger;
  #left = false;

  /**
   * @param disks LUN n is the nth; a blk device has one
   * @throws Failure (socket) if the endpoint can't be had
   */
  constructor(
    addon: NativeAddon,
    disks: readonly ServedDisk[],
    settings: GuestSettings,
    options: ServeOptions,
    log: Logger,
  ) {
    this.settings = settings;
    this.nexus = guestNexus(settings.initiatorName);
    this.#disks = disks;
    this.#log = log.child({ initiator: settings.initiatorName });
    this.#target = new ScsiTarget(this.nexus);
    const fences = disks.map((disk) => disk.attach(this.nexus));
    disks.forEach((disk, lun) => {
      this.#target.plug(lun, disk.unit);
    });
    const { endpoint, device } = settings;
    let scsi: ScsiDevice | undefined;
    this.attachment = new Attachment(
      endpoint,
      this.#log,
      ({ onEvent }) => {
        const { socketMode, pollMicroseconds } = options;
        const shared = { ...endpoint, socketMode, pollMicroseconds, onEvent };
        if (device === 'blk') return this.#openBlk(shared, fences, options);
        scsi = new ScsiDevice(addon, disks, fences, {
          ...shared,
          numQueues: options.numQueues,
          configSpace: options.scsiConfig,
          mailbox: this.#mailbox(),
        });
        return scsi.native;
      },
      () => {
        void this.#nexusLost();
      },
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
    await Promise.all(this.#disks.map((disk) => disk.detach(this.nexus)));
    return true;
  }

  #openBlk(
    endpoint: EndpointOptions,
    fences: readonly NativeFence[],
    { numQueues, configWce, scsiPassthrough }: ServeOptions,
  ): NativeAttachment {
    const [disk, ...others] = this.#disks;
    const [fence] = fences;
    if (disk === undefined || fence === undefined || others.length > 0) {
      throw new Error('a blk device has exactly one disk');
    }
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
    return address.kind === 'logical-unit' ? this.#disks[address.lun] : undefined;
  }

  async #nexusLost(): Promise<void> {
    // The news of the last disconnection can come after the end.
    if (this.#left) return;
    await Promise.all(this.#disks.map((disk) => disk.nexusLost(this.nexus)));
  }
}
