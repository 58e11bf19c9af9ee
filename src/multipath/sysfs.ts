import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { errnoOf } from '../util/failure.js';

/**
 * What the kernel tells about devices without any privilege. A device can go while it is read, and
 * the kernel then answers with many different errors: whatever can't be read is absent.
 * Paths are relative to the root, such as `block/sda/device/state`. Reading never waits for a device.
 */
export class Sysfs {
  readonly #root: string;

  /** @param root where sysfs is mounted; tests give a recorded tree */
  constructor(root = '/sys') {
    this.#root = root;
  }

  /** An attribute's text without the blanks around it; undefined if absent. */
  text(path: string): string | undefined {
    return this.bytes(path)?.toString('latin1').trim();
  }

  bytes(path: string): Buffer | undefined {
    return unlessAbsent(() => readFileSync(join(this.#root, path)));
  }

  /** A decimal attribute; undefined if absent or anything else (`off`). */
  number(path: string): number | undefined {
    const text = this.text(path);
    return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
  }

  /** The names in a folder, sorted by the numbers in them; none if absent. */
  names(path: string): string[] {
    const names = unlessAbsent(() => readdirSync(join(this.#root, path))) ?? [];
    return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  }

  has(path: string): boolean {
    return unlessAbsent(() => lstatSync(join(this.#root, path))) !== undefined;
  }

  /** Where the path leads when all links are followed, relative to the root; undefined if absent. */
  resolve(path: string): string | undefined {
    const root = unlessAbsent(() => realpathSync(this.#root));
    const target = unlessAbsent(() => realpathSync(join(this.#root, path)));
    return root === undefined || target === undefined ? undefined : relative(root, target);
  }

  /** The kernel's name (`sda`, `dm-0`) of the block device with a number (`8:0`). */
  blockName(deviceNumber: string): string | undefined {
    const folder = this.resolve(`dev/block/${deviceNumber}`);
    return folder === undefined ? undefined : basename(folder);
  }
}

function unlessAbsent<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}
