/** Those who run a host's reservation commands on all paths of a map: holdfast and libmpathpersist. */

import { bring } from './bring.js';
import { type LabMachine } from './lab-machine.js';

/** Keys are hexadecimal digits, types SPC-4's codes. */
export type Command =
  | { action: 'register'; key: string; newKey: string }
  | { action: 'register-ignore'; newKey: string }
  | { action: 'reserve' | 'release'; key: string; type: number }
  | { action: 'preempt'; key: string; victim: string; type: number };

export interface Contender {
  name: string;
  /** Makes it ready in a machine as set up. */
  start(host: LabMachine): Promise<void>;
  /** @returns `good`, or in a word or two how it was refused */
  run(host: LabMachine, command: Command): Promise<string>;
  /** The types that REPORT CAPABILITIES names, by their codes. */
  types(host: LabMachine): Promise<number[]>;
}

const typeNames = new Map([
  [1, 'write-exclusive'],
  [3, 'exclusive-access'],
  [5, 'write-exclusive-registrants-only'],
  [6, 'exclusive-access-registrants-only'],
  [7, 'write-exclusive-all-registrants'],
  [8, 'exclusive-access-all-registrants'],
]);

const unitAttention = 6;
const unitAttentionTurns = 5;

interface Outcome {
  status: string;
  sense?: { senseKey: number; asc: number; ascq: number };
  data?: { types: string[] };
}

/** serve --pr device, asked at its control socket in place of a guest. */
export const holdfast: Contender = {
  name: 'holdfast',

  async start(host) {
    await bring(host, 'control-client.py');
    await host.run(`serve --device scsi --pr device --blk-file $map --socket-path guest.sock \\
      --initiator-name ${initiator} --control-socket /run/holdfast/control.sock`);
  },

  async run(host, command) {
    let { status, sense } = await execute(host, asJson(command));
    // As every initiator does, libmpathpersist among them.
    for (let turn = 0; turn < unitAttentionTurns && sense?.senseKey === unitAttention; turn += 1) {
      ({ status, sense } = await execute(host, asJson(command)));
    }
    if (sense === undefined) return status;
    return [sense.senseKey, sense.asc, sense.ascq]
      .map((part, index) => part.toString(16).padStart(index === 0 ? 1 : 2, '0'))
      .join('/');
  },

  async types(host) {
    const { data } = await execute(host, { action: 'report-capabilities' });
    return [...typeNames].filter(([, name]) => data?.types.includes(name)).map(([code]) => code);
  },
};

const initiator = 'iqn.2026-11.org.example:node1';

async function execute(host: LabMachine, command: object): Promise<Outcome> {
  const params = JSON.stringify({ initiator, command });
  const output = await host.run(
    `python3 -IS /run/control-client.py /run/holdfast/control.sock pr.execute '${params}'`,
  );
  return JSON.parse(output) as Outcome;
}

function asJson(command: Command): object {
  const { action } = command;
  switch (action) {
    case 'register':
      return { action, prkey: `0x${command.key}`, serviceActionKey: `0x${command.newKey}` };
    case 'register-ignore':
      return {
        action: 'register-and-ignore-existing-key',
        serviceActionKey: `0x${command.newKey}`,
      };
    case 'reserve':
    case 'release':
      return { action, prkey: `0x${command.key}`, type: typeNames.get(command.type) };
    case 'preempt':
      return {
        action,
        prkey: `0x${command.key}`,
        serviceActionKey: `0x${command.victim}`,
        type: typeNames.get(command.type),
      };
  }
}

/** Exit codes of mpathpersist that have names in mpath_persist.h. */
const mpathpersistExits = new Map([
  ['0', 'good'],
  ['5', 'illegal request'],
  ['11', 'reservation-conflict'],
]);

/** The distribution's, with multipathd, which puts keys on paths that come back. */
export const mpathpersist: Contender = {
  name: 'mpathpersist',

  async start(host) {
    await host.run('allow_mpathpersist');
  },

  async run(host, command) {
    const output = await host.run(
      `mpathpersist --out ${asArguments(command)} $map >$logs/mpathpersist.log 2>&1 && code=0 || code=$?
      echo $code`,
    );
    const code = output.trim();
    return mpathpersistExits.get(code) ?? `exit code ${code}`;
  },

  async types(host) {
    const output = await host.run('mpathpersist --in --report-capabilities $map 2>&1 || true');
    return [...typeNames.keys()].filter((code) => offers(output, code));
  },
};

function asArguments(command: Command): string {
  switch (command.action) {
    case 'register':
      return `--register --param-rk=${command.key} --param-sark=${command.newKey}`;
    case 'register-ignore':
      return `--register-ignore --param-sark=${command.newKey}`;
    case 'reserve':
    case 'release':
      return `--${command.action} --param-rk=${command.key} --prout-type=${command.type}`;
    case 'preempt':
      return `--preempt --param-rk=${command.key} --param-sark=${command.victim} --prout-type=${command.type}`;
  }
}

const mpathpersistTypes = new Map([
  [1, 'Write Exclusive'],
  [3, 'Exclusive Access'],
  [5, 'Write Exclusive, Registrants Only'],
  [6, 'Exclusive Access, Registrants Only'],
  [7, 'Write Exclusive, All Registrants'],
  [8, 'Exclusive Access, All Registrants'],
]);

function offers(output: string, code: number): boolean {
  const text = mpathpersistTypes.get(code) ?? '';
  // It prints the bit, not 1.
  return new RegExp(`${text} *: *[1-9]`, 'i').test(output.replaceAll('-', ' '));
}
