/** A guest of `holdfast serve --pr device`, and what it does with reservations. */
import { LabGuest } from './lab-guest.js';
import { type LabMachine } from './lab-machine.js';

/** Its disk, as the guest knows it. */
export const guestDisk = '/dev/sda';

/** Of 4 KiB, by direct I/O. */
export const write = `dd if=/dev/zero of=${guestDisk} bs=4k count=1 oflag=direct 2>&1`;

/** What a write that meets a reservation ends with, on the host as in the guest: EBADE. */
export const conflict = 'Invalid exchange';

/** What sg_persist ends with when it meets one. */
export const persistConflict = 'exit code 24';

export interface ServedDevice {
  /** A path, expanded by the machine's shell; by default the multipath map's. */
  device?: string;
  /** What holdfast calls the guest's nexus. */
  initiator?: string;
}

/** Serves a device to guest 1 of a machine, and boots that. */
export async function bootServedGuest(
  host: LabMachine,
  { device = '$map', initiator = 'iqn.2026-11.org.example:node1' }: ServedDevice = {},
): Promise<LabGuest> {
  await host.run(`serve --device scsi --scsi-config --pr device --blk-file ${device} \\
    --initiator-name ${initiator} --socket-path guest.sock`);
  return LabGuest.boot(host, 1, '/run/holdfast/guest.sock');
}

/** sg_persist in a guest or on a host, after what may have happened was taken notice of. */
export function persist(
  node: Pick<LabMachine, 'run'>,
  args: string,
  disk = guestDisk,
): Promise<string> {
  return node.run(`sg_turs ${disk} >/dev/null 2>&1 || true; sg_persist -n ${args} ${disk} 2>&1`);
}
