/** Crash recovery: what a killed back end had taken, the next one serves. */
import { describeKilledBackEnds, type Moment } from './scenarios/killed-back-end.js';

const anyMoment: Moment[] = ['running', 'connecting', 'stuck'];

for (const device of ['blk', 'scsi'] as const) {
  for (const packed of [false, true]) {
    describeKilledBackEnds('10', { device, packed, moments: anyMoment });
  }
}
// It may lose a connection that ends before its rings run, and has no recovery for scsi.
describeKilledBackEnds('7.2', { device: 'blk', packed: false, moments: ['running', 'stuck'] });
