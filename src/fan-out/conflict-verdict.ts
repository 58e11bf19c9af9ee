/** What is to become of guest data that met RESERVATION CONFLICT at the device. */
import { admitsRegistrants } from '../pr/reservation.js';
import { ownHolders, type Situation } from './situation.js';

/** Looks in a row that find nothing wrong before the conflict is believed. */
const fruitlessMax = 3;

export type Verdict = 'send-again' | 'conflict';

export class ConflictVerdict {
  #waiting = false;
  #fruitless = 0;

  /** Whether data waits for a verdict. */
  get waiting(): boolean {
    return this.#waiting;
  }

  arises(): void {
    this.#waiting = true;
  }

  /**
   * @param situation after all that could be repaired was; undefined: the guest is not registered
   * @param repaired whether a path was registered again
   */
  judge(situation: Situation | undefined, repaired: boolean): Verdict {
    this.#waiting = false;
    if (situation === undefined || !admitsGuest(situation)) {
      this.#fruitless = 0;
      return 'conflict';
    }
    this.#fruitless = repaired ? 0 : this.#fruitless + 1;
    if (this.#fruitless < fruitlessMax) return 'send-again';
    this.#fruitless = 0;
    return 'conflict';
  }
}

/** Whether the reservation lets a registered guest write. */
function admitsGuest(situation: Situation): boolean {
  const { type } = situation.view;
  return type === undefined || admitsRegistrants(type) || ownHolders(situation).length > 0;
}
