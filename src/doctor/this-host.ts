import { logicalUnitLockFolder } from '../device/logical-unit-lock.js';
import { Multipathd } from '../multipath/multipathd.js';
import { rememberedKey } from '../multipath/prkeys-file.js';
import { Sysfs } from '../multipath/sysfs.js';
import { loadNativeAddon } from '../native/load-native-addon.js';
import type { Host } from './doctor.js';
import { readKernelFacts } from './kernel-check.js';
import { tryTransport } from './try-transport.js';

/**
 * The host that this process runs on.
 * @throws Failure (addonMissing)
 */
export function thisHost(): Host {
  const addon = loadNativeAddon();
  return {
    sysfs: new Sysfs(),
    multipathd: new Multipathd(),
    kernel: readKernelFacts(),
    rememberedKey,
    tryTransport: (node) => tryTransport(addon, node),
    lockFolder: logicalUnitLockFolder,
    isRoot: process.geteuid?.() === 0,
  };
}
