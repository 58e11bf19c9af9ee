import type { DiskState, GuestDevice, TakeoverState } from '../takeover/state.js';
import { formatDesignator } from '../scsi/designator.js';
import { ExitCode, Failure } from '../util/failure.js';
import type { DiskSettings, GuestSettings, ServeOptions } from './serve-options.js';

/** The device that a guest sees by these options. */
export function guestDeviceOf(
  { initiatorName, device }: GuestSettings,
  { numQueues, configWce, scsiPassthrough, scsiConfig }: ServeOptions,
): GuestDevice {
  return { initiator: initiatorName, device, numQueues, configWce, scsiPassthrough, scsiConfig };
}

/**
 * A guest goes on with the device that it has: its options can change when it starts anew.
 * @throws Failure (usage) if by these options it would see another than that of the process before
 */
export function refuseOtherDevices(options: ServeOptions, before: TakeoverState): void {
  const guests = options.guests.map((guest) => guestDeviceOf(guest, options));
  for (const had of before.guests) {
    const has = guests.find(({ initiator }) => initiator === had.initiator);
    if (has === undefined) throw difference(`the guest ${had.initiator}`, 'missing');
    for (const name of [
      'device',
      'numQueues',
      'configWce',
      'scsiPassthrough',
      'scsiConfig',
    ] as const) {
      refuse(`${name} of ${had.initiator}`, had[name], has[name]);
    }
  }
  refuse('the number of guests', before.guests.length, guests.length);
  for (const had of before.disks) {
    const has = options.disks[had.lun];
    if (has === undefined) throw difference(`the disk ${had.path}`, 'missing');
    refuseOtherDisk(had, has);
  }
  refuse('the number of disks', before.disks.length, options.disks.length);
}

function refuseOtherDisk(had: DiskState, has: DiskSettings): void {
  refuse(`the way to LUN ${had.lun}`, had.path, has.blkFile);
  refuse(`readOnly of ${had.path}`, had.readOnly, has.readOnly);
  refuse(`the serial of ${had.path}`, had.serial, has.serial ?? had.serial);
  const designator = has.designator && formatDesignator(has.designator);
  refuse(`the designator of ${had.path}`, had.designator, designator ?? had.designator);
  if (has.blockSize !== 0) refuse(`the block size of ${had.path}`, had.blockSize, has.blockSize);
}

function refuse(what: string, had: unknown, has: unknown): void {
  if (had !== has)
    throw difference(what, `${String(had)} at the running server, ${String(has)} here`);
}

function difference(what: string, how: string): Failure {
  return new Failure(
    ExitCode.usage,
    `a takeover changes nothing that a guest sees, and ${what} is ${how}`,
  );
}
