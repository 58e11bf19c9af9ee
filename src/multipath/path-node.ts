import type { PathNode } from '../transports/path-node.js';
import type { PathFacts } from './path-facts.js';

/**
 * What a transport needs of a path.
 * @param wwid of the logical unit that it must lead to
 */
export function pathNode(path: PathFacts, wwid: string): PathNode {
  const { name } = path;
  const blockNode = `/dev/${name}`;
  if (path.kind === 'scsi') {
    const { address, genericName, driver } = path;
    const sgNode = genericName === undefined ? undefined : `/dev/${genericName}`;
    return { kind: 'scsi', name, address, blockNode, sgNode, driver, wwid };
  }
  const { namespaceId, hostId } = path;
  const controllers = path.controllers.map((controller) => controller.name);
  return { kind: 'nvme', name, blockNode, controllers, namespaceId, hostId, wwid };
}
