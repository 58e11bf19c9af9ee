/** SG_IO of everything, on an sg node or a disk's block node: nothing of SCSI is lost. */
import { noLimits } from '../pr/transport.js';
import type { PathProtocol } from './lane-transport.js';
import type { ScsiPathNode } from './path-node.js';
import { scsiIdentification, scsiReadiness, scsiReservation } from './scsi-programs.js';

export function sgIoProtocol(node: ScsiPathNode): PathProtocol {
  return {
    limits: noLimits,
    reservation: (command) => scsiReservation(command, node.driver),
    readiness: () => scsiReadiness(node.driver),
    identification: () => scsiIdentification(node),
  };
}
