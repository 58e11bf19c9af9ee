/** The two requests to the device mapper that hold up a map and let it go (linux/dm-ioctl.h). */

/** _IOWR(0xfd, 6, struct dm_ioctl) */
export const DM_DEV_SUSPEND = 0xc138fd06;
export const controlNode = '/dev/mapper/control';

const structLength = 312;
const DM_SUSPEND_FLAG = 1 << 1;
/** Mounted file systems are not asked to write all they have first. */
const DM_SKIP_LOCKFS_FLAG = 1 << 10;
/** What has no path now is kept, not failed. */
const DM_NOFLUSH_FLAG = 1 << 11;

/**
 * The argument of DM_DEV_SUSPEND, which also resumes.
 * @param map `major:minor`
 */
export function suspendArgument(map: string, action: 'suspend' | 'resume'): Buffer {
  const argument = Buffer.alloc(structLength);
  argument.writeUInt32LE(4, 0); // DM_VERSION_MAJOR; 4.0.0 is understood by every kernel
  argument.writeUInt32LE(structLength, 12);
  argument.writeUInt32LE(structLength, 16);
  const flags = DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG;
  argument.writeUInt32LE(action === 'suspend' ? flags : 0, 28);
  argument.writeBigUInt64LE(encodeDevice(map), 40);
  return argument;
}

/** huge_encode_dev (linux/kdev_t.h) */
function encodeDevice(map: string): bigint {
  const [major = 0n, minor = 0n] = map.split(':').map(BigInt);
  return (minor & 0xffn) | (major << 8n) | ((minor & ~0xffn) << 12n);
}
