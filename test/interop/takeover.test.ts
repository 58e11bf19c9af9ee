/** Live upgrade: one process goes on serving in another one's place, under a guest's load. */
import { describeTakeovers } from './scenarios/takeovers.js';

for (const guest of ['user-mode Linux', '10', '7.2'] as const) {
  for (const device of ['blk', 'scsi'] as const) describeTakeovers({ device, guest });
}
describeTakeovers({ device: 'blk', guest: '10', packed: true });
