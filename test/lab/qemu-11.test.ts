/** QEMU of Debian 13's backports. */
import { describeBootFromDisk } from '../interop/scenarios/boot-from-disk.js';
import { describeGuestDisk } from '../interop/scenarios/guest-disk.js';
import { describeGuestRestarts } from '../interop/scenarios/guest-restarts.js';
import { describeLargeSectors } from '../interop/scenarios/large-sectors.js';
import { describePackedRings } from '../interop/scenarios/packed-rings.js';
import { describeQemuConfigs } from '../interop/scenarios/qemu-configs.js';
import { describeReadOnlyDisk } from '../interop/scenarios/read-only-disk.js';
import { rounds } from '../support/rounds.js';

describeGuestDisk('11');
describeReadOnlyDisk('11');
describeLargeSectors('11');
describeBootFromDisk('11');
describePackedRings('11');
describeGuestRestarts('11', 2, rounds(20, 2));
describeQemuConfigs(
  '11',
  ['plain.cfg', 'multiqueue.cfg', 'read-only.cfg', 'reconnect-ms.cfg'],
  ['reconnect.cfg'],
);
