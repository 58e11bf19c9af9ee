/** A hostile client of the control socket: what a reservation command may look like there. */
import assert from 'node:assert/strict';
import { JSONRPCErrorException } from 'json-rpc-2.0';
import * as v from 'valibot';
import { checkedParams } from '../../../../src/control/checked-params.js';
import {
  commandFromJson,
  outcomeToJson,
  prCommandSchema,
} from '../../../../src/control/reservation-json.js';
import { reservationTypes } from '../../../../src/pr/reservation.js';
import { FakeHost, ours } from '../../../unit/prd/support/host.js';
import { UnitGate } from '../../../../src/prd/unit-gate.js';
import { Input } from '../input.js';

const actions = [
  ...['read-keys', 'read-reservation', 'report-capabilities', 'read-full-status', 'register'],
  ...['register-and-ignore-existing-key', 'register-and-move', 'reserve', 'release', 'clear'],
  ...['preempt', 'preempt-and-abort', 'replace-lost-reservation', 'none'],
];
const keys = ['0x0', '0x1', '0x2', '0xffffffffffffffff', '1', '', 7, null] as const;
const types = [...reservationTypes, 'none', 5];
const schema = v.strictObject({ command: prCommandSchema });

export async function fuzz(bytes: Buffer): Promise<void> {
  const input = new Input(bytes);
  const host = new FakeHost();
  const { reservations } = await host.open(new UnitGate(undefined), {
    onAttention: () => undefined,
    onChange: () => undefined,
  });
  for (let count = 0; count < 24 && !input.empty; count++) {
    const given = input.byte() % 8 === 0 ? parsed(input.text()) : { command: command(input) };
    let checked: v.InferOutput<typeof schema>;
    try {
      checked = checkedParams(schema, given);
    } catch (error) {
      assert.ok(error instanceof JSONRPCErrorException && error.code === -32602, String(error));
      continue;
    }
    const outcome = await reservations.execute(ours, commandFromJson(checked.command));
    JSON.stringify(outcomeToJson(outcome));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function command(input: Input): object {
  const values = {
    prkey: () => input.pick(keys),
    serviceActionKey: () => input.pick(keys),
    type: () => input.pick(types),
    aptpl: () => input.flag(),
    allTgPt: () => input.flag(),
    scope: () => input.pick(['logical-unit', 'none']),
  };
  const which = input.byte();
  return {
    action: input.pick(actions),
    ...Object.fromEntries(
      Object.entries(values)
        .filter((_, index) => which & (1 << index))
        .map(([name, value]) => [name, value()]),
    ),
  };
}
