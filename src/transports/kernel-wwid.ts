import { fstatSync, readFileSync } from 'node:fs';
import { deviceNumber } from '../util/device-number.js';

/**
 * The name that sysfs has for what a descriptor leads to, whatever its node leads to by now.
 * @returns undefined if it is gone or has none
 */
export function kernelWwid(fd: number): string | undefined {
  try {
    const device = deviceNumber(fstatSync(fd).rdev);
    return readFileSync(`/sys/dev/block/${device}/wwid`, 'utf8').trim();
  } catch {
    return undefined;
  }
}
