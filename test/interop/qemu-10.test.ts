/** QEMU of Debian 13. */
import { describeBootFromDisk } from './scenarios/boot-from-disk.js';
import { describeGuestDisk } from './scenarios/guest-disk.js';
import { describeGuestRestarts } from './scenarios/guest-restarts.js';
import { describeLargeSectors } from './scenarios/large-sectors.js';
import { describePackedRings } from './scenarios/packed-rings.js';
import { describeQemuConfigs } from './scenarios/qemu-configs.js';
import { describeReadOnlyDisk } from './scenarios/read-only-disk.js';

describeGuestDisk('10');
describeReadOnlyDisk('10');
describeLargeSectors('10');
describeBootFromDisk('10');
describePackedRings('10');
describeGuestRestarts('10', 1);
describeQemuConfigs(
  '10',
  ['plain.cfg', 'multiqueue.cfg', 'read-only.cfg', 'reconnect.cfg', 'reconnect-ms.cfg'],
  [],
);
