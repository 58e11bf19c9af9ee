/** The logical unit's reservations as the target itself shows them. */
import { type LabMachine } from './lab-machine.js';

export interface TargetRegistrant {
  /** As sg_persist prints it, without 0x. */
  key: string;
  /** The nexus: the initiator's port as sg_persist prints it. */
  initiator: string;
  /** The type of its reservation, if it holds one. */
  holds?: string;
}

/**
 * READ FULL STATUS.
 * @param node sg node of a path; its nexus' unit attention is taken up before
 */
export async function targetView(machine: LabMachine, node: string): Promise<TargetRegistrant[]> {
  const output = await machine.run(
    `wait_for 'sg_turs ${node}' 10; sg_persist --no-inquiry --in --read-full-status ${node}`,
  );
  return registrantsIn(output);
}

/** What `sg_persist --in --read-full-status` has printed. */
export function registrantsIn(output: string): TargetRegistrant[] {
  const [, ...blocks] = output.split(/^ +Key=0x/m);
  return blocks.map((block) => {
    const [, holds] = /Reservation holder >>\n.*type: (.*)/.exec(block) ?? [];
    const [, initiator = ''] = /(?:SAS address|port id|iSCSI name): *(\S+)/.exec(block) ?? [];
    return {
      key: /^[0-9a-f]+/.exec(block)?.[0] ?? '',
      initiator,
      ...(holds === undefined ? {} : { holds }),
    };
  });
}

/** Keys of all registrants, sorted. */
export function keysOf(registrants: readonly TargetRegistrant[]): string[] {
  return registrants.map(({ key }) => key).sort();
}
