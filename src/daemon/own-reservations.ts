import { deviceActions } from '../fan-out/refusals.js';
import type { NativeFence } from '../native/addon.js';
import type { GuestFence } from './guest-fence.js';

/** What reservations that a device keeps itself have in common, whoever sends its commands. */
export abstract class OwnReservations {
  readonly actions = deviceActions;
  readonly sharedWithHosts = true;
  protected readonly guest: GuestFence;

  protected constructor(guest: GuestFence) {
    this.guest = guest;
  }

  attach(): NativeFence {
    return this.guest.attach();
  }

  detach(): Promise<void> {
    this.guest.detach();
    return Promise.resolve();
  }

  /** The host's nexuses stay what they are. */
  nexusLost(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends nothing of a persistent reservation (SPC-4 §5.13.4). */
  logicalUnitReset(): Promise<void> {
    return Promise.resolve();
  }
}
