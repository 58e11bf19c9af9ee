/** Restarts of guests with two processors and two queues, and of QEMUs of all versions. */
import { describeFrontEndRestarts } from '../interop/scenarios/front-end-restarts.js';
import { describeGuestRestarts } from '../interop/scenarios/guest-restarts.js';
import { rounds } from '../support/rounds.js';

describeGuestRestarts('7.2', 2, rounds(20, 2));
describeGuestRestarts('10', 2, rounds(20, 2));
describeFrontEndRestarts(['11', '10', '7.2'], rounds(21));
