/** Crash recovery: what a killed back end had taken, the next one serves. */
import { describeKilledBackEnds, type Moment } from './scenarios/killed-back-end.js';

const anyMoment: Moment[] = ['running', 'connecting', 'stuck'];

describeKilledBackEnds('10', { device: 'blk', packed: false, moments: anyMoment });
describeKilledBackEnds('10', { device: 'scsi', packed: false, moments: anyMoment });
// It may lose a connection that ends before its rings run, and has no recovery for scsi.
describeKilledBackEnds('7.2', { device: 'blk', packed: false, moments: ['running', 'stuck'] });
