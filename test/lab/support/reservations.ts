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

/** What the target itself keeps, read past all initiators: no command, so no unit attention either. */
export interface TargetState {
  /** Of all registrations, in hexadecimal, sorted. */
  keys: string[];
  reserved: boolean;
}

export async function targetState(machine: LabMachine): Promise<TargetState> {
  const text = await machine.run('cd $lio_unit/pr; cat res_pr_registered_i_pts res_pr_type');
  const keys = [...text.matchAll(/Key: 0x0*([0-9a-f]+)/g)].map(([, key = '']) => key);
  return { keys: keys.sort(), reserved: text.includes('Reservation Type:') };
}

/**
 * Waits until so many registrations have that key.
 * @param key in hexadecimal
 * @returns milliseconds that it took
 */
export async function registered(machine: LabMachine, key: string, count: number): Promise<number> {
  return Number(
    await machine.run(`
    start=$(uptime_ms)
    wait_for '[ $(grep -c "Key: 0x0*${key} " $lio_unit/pr/res_pr_registered_i_pts) = ${count} ]' 60
    echo $(($(uptime_ms) - start))`),
  );
}

/** What another host does, by its own way into the target: arguments of sg_persist --out. */
export function asOther(machine: LabMachine, args: string): Promise<string> {
  const node = '/dev/lab/other-sg';
  return machine.run(`wait_for 'sg_turs ${node}' 10; sg_persist -n --out ${args} ${node}`);
}
