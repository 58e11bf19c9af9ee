/** What a descriptor that a client passed allows it: having opened a device is the authorisation. */
import { messageOf } from '../util/failure.js';
import { statOpenFile } from '../util/libc.js';
import { openFlags } from '../util/open-flags.js';

export interface PassedDevice {
  /** `sg`: the SCSI generic node, a character device. */
  readonly kind: 'block' | 'sg';
  /** `major:minor` */
  readonly number: string;
  /** It was opened for writing: its owner may change reservations. */
  readonly writable: boolean;
}

/** Why a descriptor is good for nothing here. */
export interface FdRefusal {
  readonly refusal: string;
}

/** SCSI_GENERIC_MAJOR (linux/major.h) */
const sgMajor = '21';

const O_ACCMODE = 0o3;
const O_RDWR = 0o2;
const O_WRONLY = 0o1;
const O_PATH = 0o10000000;

/** @param fd stays the caller's */
export function examineFd(fd: number): PassedDevice | FdRefusal {
  try {
    return examine(fd);
  } catch (error) {
    // When we have no descriptors left to look with.
    return { refusal: `the descriptor can't be examined: ${messageOf(error)}` };
  }
}

function examine(fd: number): PassedDevice | FdRefusal {
  const { kind, device } = statOpenFile(fd);
  const isSg = kind === 'character' && device.startsWith(`${sgMajor}:`);
  if (kind !== 'block' && !isSg) {
    return { refusal: 'the descriptor is neither a block device nor a SCSI generic node' };
  }
  const flags = openFlags(fd);
  // Opening with O_PATH asks for no permission on the node, so it proves none.
  if ((flags & O_PATH) !== 0) return { refusal: 'the descriptor was opened with O_PATH' };
  const access = flags & O_ACCMODE;
  const writable = access === O_RDWR || access === O_WRONLY;
  return { kind: isSg ? 'sg' : 'block', number: device, writable };
}
