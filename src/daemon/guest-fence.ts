import type { NativeAddon, NativeFence } from '../native/addon.js';
import { ExitCode, Failure } from '../util/failure.js';
import { FenceGate } from './fence-gate.js';

/** The one guest of a device that keeps its reservations itself: its fence and the gate behind it. */
export class GuestFence {
  readonly gate = new FenceGate();
  readonly #addon: NativeAddon;
  readonly #path: string;
  #taken = false;

  /** @param path of the device, for messages */
  constructor(addon: NativeAddon, path: string) {
    this.#addon = addon;
    this.#path = path;
  }

  /** Told whether the guest is owed a unit attention. */
  readonly onAttention = (pending: boolean): void => {
    this.gate.attentionPending = pending;
  };

  /** @throws Failure (usage) if there is a guest already */
  attach(): NativeFence {
    if (this.#taken) {
      throw new Failure(
        ExitCode.usage,
        `${this.#path} keeps its reservations itself, and to it all guests of this host are one: it takes one guest`,
      );
    }
    this.#taken = true;
    const fence = this.#addon.createFence({
      onConflict: () => {
        this.gate.onConflict();
      },
    });
    this.gate.fence = fence;
    return fence;
  }

  /** To be called when nothing of the guest is in flight any more. */
  detach(): void {
    this.#taken = false;
    this.gate.fence = undefined;
  }
}
