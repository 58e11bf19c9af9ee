/** Reservation commands by passthrough, on a namespace's block node: nothing of NVMe is lost. */
import { asNvme } from '../nvme/as-nvme.js';
import { answerOf, type NvmeAnswer, type NvmeHost } from '../nvme/nvme-program.js';
import { nvmeStatus } from '../nvme/status.js';
import type { PrCommand } from '../pr/command.js';
import { good } from '../pr/outcome.js';
import type { PathOutcome } from '../pr/transport.js';
import type { PathProtocol } from './lane-transport.js';
import { nvmeIdentification, type WwidOf } from './nvme-identity.js';
import { reservationPassthrough } from './nvme-passthrough.js';
import { answered, notSent, unknown } from './path-outcome.js';
import type { NvmePathNode } from './path-node.js';
import type { Program } from './program.js';

/** @param reservationCapabilities RESCAP; undefined: not known */
export function nvmeProtocol(
  node: NvmePathNode,
  reservationCapabilities: number | undefined,
  wwidOf: WwidOf,
): PathProtocol {
  const host: NvmeHost = { hostId: node.hostId, reservationCapabilities };
  return {
    limits: {
      fullStatus: true,
      reportCapabilities: reservationCapabilities !== undefined,
      aptplChoice: true,
      registerAndMove: false,
      exactSense: false,
      reads: true,
      hostWide: true,
    },
    reservation: (command) => reservation(command, host, node.namespaceId),
    readiness: () => readiness(node.namespaceId),
    identification: () => nvmeIdentification(node, wwidOf),
  };
}

function* reservation(
  command: PrCommand,
  host: NvmeHost,
  namespaceId: number,
): Program<PathOutcome> {
  const program = asNvme(command, host);
  let next = program.next();
  while (next.done !== true) {
    const { command: step, afterEffect } = next.value;
    const reply = yield* reservationPassthrough(step, namespaceId, afterEffect);
    // What was not sent leaves unknown what it was to look at.
    if (reply.kind === 'not-sent' && afterEffect !== true) return notSent(reply.reason);
    if (reply.kind !== 'completed') return unknown(reply.reason);
    next = program.next(reply);
  }
  return pathOutcomeOf(next.value);
}

/** The head of a Report, which goes the way of the other Reservation commands and changes nothing. */
function* readiness(namespaceId: number): Program<PathOutcome> {
  const report = { command: 'report', extended: true, length: 64 } as const;
  const reply = yield* reservationPassthrough(report, namespaceId);
  if (reply.kind === 'not-sent') return notSent(reply.reason);
  if (reply.kind === 'unknown') return unknown(reply.reason);
  // Who doesn't know host identifiers of 128 bits has answered all the same.
  const isAnswer = readyStatuses.includes(reply.status);
  return isAnswer ? answered(good) : pathOutcomeOf(answerOf(reply));
}

const readyStatuses: readonly number[] = [
  nvmeStatus.success,
  nvmeStatus.invalidField,
  nvmeStatus.hostIdentifierInconsistentFormat,
];

function pathOutcomeOf(answer: NvmeAnswer): PathOutcome {
  return answer.kind === 'outcome'
    ? answered(answer.outcome)
    : unknown(`NVMe status 0x${answer.status.toString(16)}`);
}
