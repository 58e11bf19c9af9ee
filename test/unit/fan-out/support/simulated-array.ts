import { mediumAccess } from '../../../../src/emulated/access.js';
import { initialState, type ReservationState } from '../../../../src/emulated/reservation-state.js';
import { transition } from '../../../../src/emulated/transition.js';
import type { PrCommand, ReservationCommand } from '../../../../src/pr/command.js';
import type { Nexus, NexusId } from '../../../../src/pr/nexus.js';
import { checkCondition, type PrOutcome } from '../../../../src/pr/outcome.js';
import { formatKey } from '../../../../src/pr/reservation.js';
import type { Sense } from '../../../../src/pr/sense.js';
import { nodeOf } from '../../emulated/support/reservations.js';

/** A storage array by SPC-4, one nexus for each path of each host. */
export class SimulatedArray {
  #state: ReservationState = initialState;
  readonly #attentions = new Map<NexusId, Sense[]>();
  /** Whether the kernel's own I/O eats every unit attention before a command of ours meets it. */
  swallowsAttentions = false;
  /** What PERSISTENT RESERVE OUT came, and how it ended: `a register good`. */
  readonly log: string[] = [];
  /** Told after every command that was executed. */
  onExecuted: (nexus: Nexus, command: ReservationCommand, outcome: PrOutcome) => void = () =>
    undefined;

  get state(): ReservationState {
    return this.#state;
  }

  /** TEST UNIT READY. */
  probe(nexus: Nexus): PrOutcome {
    const attention = this.#takeAttention(nexus);
    return attention === undefined ? { status: 'good' } : checkCondition(attention);
  }

  execute(nexus: Nexus, command: PrCommand): PrOutcome {
    const attention = this.#takeAttention(nexus);
    if (attention !== undefined) return checkCondition(attention);
    const { state, outcome, attentions } = transition(this.#state, nexus, command);
    this.#state = state;
    for (const { nexusId, condition } of attentions) {
      if (!this.swallowsAttentions) this.#attentionsOf(nexusId).push(condition);
    }
    if (outcome.status !== 'good' || outcome.data === undefined) {
      this.log.push(`${nodeOf(nexus.id)} ${command.action} ${outcome.status}`);
    }
    this.onExecuted(nexus, command, outcome);
    return outcome;
  }

  /** `a 0x1 b 0x1* f 0x2`: who is registered with what, * for holders. */
  get text(): string {
    const { registrations, reservation } = this.#state;
    return [...registrations.values()]
      .map(({ nexus, key }) => {
        const holds =
          reservation !== undefined &&
          (reservation.holder === undefined || reservation.holder === nexus.id);
        return `${nodeOf(nexus.id)} ${formatKey(key)}${holds ? '*' : ''}`;
      })
      .toSorted()
      .join(' ');
  }

  keyOf(nexus: Nexus): bigint {
    return this.#state.registrations.get(nexus.id)?.key ?? 0n;
  }

  admitsWrites(nexus: Nexus): boolean {
    return mediumAccess(this.#state, nexus.id).writes;
  }

  establish(nexus: Nexus, sense: Sense): void {
    this.#attentionsOf(nexus.id).push(sense);
  }

  #takeAttention(nexus: Nexus): Sense | undefined {
    return this.#attentionsOf(nexus.id).shift();
  }

  #attentionsOf(nexusId: NexusId): Sense[] {
    let queue = this.#attentions.get(nexusId);
    if (queue === undefined) this.#attentions.set(nexusId, (queue = []));
    return queue;
  }
}
