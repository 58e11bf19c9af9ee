/** QEMU of Debian 12. */
import { describeBootFromDisk } from './scenarios/boot-from-disk.js';
import { describeGuestDisk } from './scenarios/guest-disk.js';
import { describeGuestRestarts } from './scenarios/guest-restarts.js';
import { describeLargeSectors } from './scenarios/large-sectors.js';
import { describePackedRings } from './scenarios/packed-rings.js';
import { describeQemuConfigs } from './scenarios/qemu-configs.js';
import { describeReadOnlyDisk } from './scenarios/read-only-disk.js';

describeGuestDisk('7.2');
describeReadOnlyDisk('7.2');
describeLargeSectors('7.2');
describeBootFromDisk('7.2');
describePackedRings('7.2');
describeGuestRestarts('7.2', 1);
describeQemuConfigs(
  '7.2',
  ['plain.cfg', 'multiqueue.cfg', 'read-only.cfg', 'reconnect.cfg'],
  ['reconnect-ms.cfg'],
);
