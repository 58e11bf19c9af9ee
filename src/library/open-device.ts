/** Reservations through the paths of this host, by the process' own right to open them. */
import type { Logger } from 'pino';
import { loadNativeAddon } from '../native/load-native-addon.js';
import { guestNexus } from '../pr/nexus.js';
import { UnitAttentions } from '../pr/unit-attention.js';
import { createLogger } from '../telemetry/logger.js';
import type { TransportKind } from '../transports/open-transport.js';
import { ForeignData } from '../unit/foreign-data.js';
import { HostUnit } from '../unit/host-unit.js';
import { Reservations } from './reservations.js';

export interface DeviceOptions {
  /** iSCSI name under which READ FULL STATUS shows this host's registrations as one. */
  readonly initiator?: string;
  /** Folder of the journals: what this host has registered, for whoever has the device next. */
  readonly stateDirectory?: string;
  /** By default the best that this process may use: sg, sd, linux-pr; nvme. */
  readonly transport?: TransportKind;
  /** For arrays that can't take two REGISTERs at once. */
  readonly sequential?: boolean;
  /** From a command's call to its outcome, milliseconds. */
  readonly timeoutMs?: number;
  readonly log?: Logger;
}

/** Commands that may wait for their turn; one more is answered TASK SET FULL. */
const depth = 128;

/** Who acts when nobody is named: an initiator of its own, which no guest has. */
export const administrator = 'iqn.2026-11.holdfast:administrator';

/**
 * Opens a multipath map, a SCSI disk or an NVMe namespace, and locks its reservations against every
 * other user on this host. Data goes to the device past this process, so what must not run beside
 * it (a self-preempt, which takes the key from the sibling paths) is answered 5/24/00.
 * @param path the device's node, or a link to it
 * @throws Error whose message says what to do: the device can't have reservations, no path carries
 *   them, another process of this host has them, multipathd stands against it
 */
export async function openDevice(path: string, options: DeviceOptions = {}): Promise<Reservations> {
  const guest = guestNexus(options.initiator ?? administrator);
  const unit = await HostUnit.open(loadNativeAddon(), HostUnit.find(path), {
    guest,
    gate: new ForeignData(),
    journalFolder: options.stateDirectory ?? '/var/lib/holdfast',
    transport: options.transport,
    sequential: options.sequential ?? false,
    timeoutMs: options.timeoutMs ?? 10_000,
    depth,
    unitAttentions: new UnitAttentions(),
    onChange: () => undefined,
    log: options.log ?? createLogger('warn'),
  });
  return new Reservations({
    execute: (command) => unit.reservations.execute(guest, command),
    close: () => unit.close(),
  });
}
