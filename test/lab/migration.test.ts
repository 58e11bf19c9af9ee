/** Live migration, with QEMU of Debian 13's backports. */
import { describeMigration } from '../interop/scenarios/migration.js';
import { rounds } from '../support/rounds.js';

const all = { rounds: rounds(10, 2), cancelledOf: rounds(3, 2) };
describeMigration('11', 'blk', all);
describeMigration('11', 'scsi', all);
