/**
 * A second reservation machine, for the model test: one list of registrants, one switch, rules in
 * the words of SPC-4 §5.13. It shares no code with the first and is meant to be compared with it.
 */

/** Type codes of SPC-4 table 205. */
const writeExclusive = 1;
const exclusiveAccess = 3;
const writeExclusiveRegistrantsOnly = 5;
const exclusiveAccessRegistrantsOnly = 6;
const writeExclusiveAllRegistrants = 7;
const exclusiveAccessAllRegistrants = 8;
export const typeCodes = [
  writeExclusive,
  exclusiveAccess,
  writeExclusiveRegistrantsOnly,
  exclusiveAccessRegistrantsOnly,
  writeExclusiveAllRegistrants,
  exclusiveAccessAllRegistrants,
];

/** `type` 0 is one that does not exist; `node` is a destination. */
export type NaiveCommand =
  | { op: 'REGISTER'; rk: number; sark: number; aptpl: boolean; specIPt: string[] | null }
  | { op: 'REGISTER AND IGNORE'; sark: number; aptpl: boolean }
  | {
      op: 'REGISTER AND MOVE';
      rk: number;
      sark: number;
      node: string;
      unreg: boolean;
      aptpl: boolean;
    }
  | { op: 'RESERVE' | 'RELEASE'; rk: number; type: number }
  | { op: 'CLEAR'; rk: number }
  | { op: 'PREEMPT' | 'PREEMPT AND ABORT'; rk: number; sark: number; type: number }
  | { op: 'READ KEYS' | 'RESERVE(6)' | 'RELEASE(6)' };

export class NaiveModel {
  generation = 0;
  aptpl = false;
  registrants: { node: string; key: number }[] = [];
  /** 0: not reserved. */
  type = 0;
  /** Empty: not reserved, or held by all registrants. */
  holder = '';
  /** Empty: no RESERVE(6). */
  reservedBy = '';
  /** `node asc/ascq`, by the last command. */
  attentions: string[] = [];

  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  run(node: string, command: NaiveCommand): string {
    this.attentions = [];
    if (command.op === 'RESERVE(6)' || command.op === 'RELEASE(6)') {
      return this.#legacy(node, command.op);
    }
    if (this.reservedBy !== '') return 'conflict';
    if (command.op === 'READ KEYS') return 'good';

    const registered = this.keyOf(node) !== 0;
    const keyGiven = 'rk' in command ? command.rk : 0;

    if (command.op === 'REGISTER' || command.op === 'REGISTER AND IGNORE') {
      if (command.op === 'REGISTER') {
        if (keyGiven !== this.keyOf(node)) return 'conflict';
        if (registered && command.specIPt !== null) return '5/26/00';
        if (!registered && command.sark !== 0 && command.specIPt !== null) {
          if (command.specIPt.some((other) => this.keyOf(other) !== 0)) return '5/26/00';
          const everybody = new Set([node, ...command.specIPt]);
          if (this.registrants.length + everybody.size > this.#capacity) return '5/55/04';
          for (const each of everybody) this.registrants.push({ node: each, key: command.sark });
          this.generation += 1;
          this.aptpl = command.aptpl;
          return 'good';
        }
      }
      if (!registered && command.sark === 0) return 'good';
      if (!registered && this.registrants.length === this.#capacity) return '5/55/04';
      if (command.sark === 0) this.#unregister(node);
      else if (registered) this.#entry(node).key = command.sark;
      else this.registrants.push({ node, key: command.sark });
      this.generation += 1;
      this.aptpl = command.aptpl;
      return 'good';
    }

    if (!registered) return 'conflict';
    if (command.op === 'RELEASE' && this.type === 0) return 'good';
    if (keyGiven !== this.keyOf(node)) return 'conflict';

    switch (command.op) {
      case 'RESERVE':
        if (command.type === 0) return '5/24/00';
        if (this.type === 0) {
          this.#establish(node, command.type);
          return 'good';
        }
        return this.holds(node) && this.type === command.type ? 'good' : 'conflict';

      case 'RELEASE': {
        if (!this.holds(node)) return 'good';
        if (command.type !== this.type) return '5/26/04';
        const concernsOthers = this.type >= writeExclusiveRegistrantsOnly;
        this.type = 0;
        this.holder = '';
        if (concernsOthers) this.#tellOthers(node, '2a/04');
        return 'good';
      }

      case 'CLEAR':
        this.#tellOthers(node, '2a/03');
        this.registrants = [];
        this.type = 0;
        this.holder = '';
        this.generation += 1;
        return 'good';

      case 'REGISTER AND MOVE': {
        if (this.type === 0) return '5/24/00';
        if (this.holder !== node) return 'conflict';
        if (command.sark === 0 || command.node === node) return '5/26/00';
        const known = this.registrants.find((entry) => entry.node === command.node);
        if (known === undefined) {
          if (this.registrants.length === this.#capacity) return '5/55/04';
          this.registrants.push({ node: command.node, key: command.sark });
        } else {
          known.key = command.sark;
        }
        this.holder = command.node;
        if (command.unreg) this.#remove(node);
        this.generation += 1;
        this.aptpl = command.aptpl;
        return 'good';
      }

      case 'PREEMPT':
      case 'PREEMPT AND ABORT':
        return this.#preempt(node, command.sark, command.type);
    }
  }

  keyOf(node: string): number {
    return this.registrants.find((entry) => entry.node === node)?.key ?? 0;
  }

  holds(node: string): boolean {
    if (this.type >= writeExclusiveAllRegistrants) return this.keyOf(node) !== 0;
    return this.type !== 0 && this.holder === node;
  }

  /** `rw`, `r` or nothing, from the table of SPC-4 §5.13.1 read line by line. */
  access(node: string): string {
    if (this.reservedBy !== '') return this.reservedBy === node ? 'rw' : '';
    const registered = this.keyOf(node) !== 0;
    switch (this.type) {
      case writeExclusive:
        return this.holder === node ? 'rw' : 'r';
      case exclusiveAccess:
        return this.holder === node ? 'rw' : '';
      case writeExclusiveRegistrantsOnly:
      case writeExclusiveAllRegistrants:
        return registered ? 'rw' : 'r';
      case exclusiveAccessRegistrantsOnly:
      case exclusiveAccessAllRegistrants:
        return registered ? 'rw' : '';
      default:
        return 'rw';
    }
  }

  #preempt(node: string, sark: number, type: number): string {
    const forAll = this.type >= writeExclusiveAllRegistrants;
    if (sark === 0 && !forAll) return '5/26/00';
    if (sark === 0) {
      if (type === 0) return '5/24/00';
      this.#tellOthers(node, '2a/05');
      this.registrants = this.registrants.filter((entry) => entry.node === node);
      this.#establish(node, type);
      this.generation += 1;
      return 'good';
    }

    const losers = this.registrants.filter(({ key }) => key === sark).map((entry) => entry.node);
    if (losers.length === 0) return 'conflict';
    if (this.holder !== '' && this.keyOf(this.holder) === sark) {
      if (type === 0) return '5/24/00';
      const changed = this.type !== type;
      for (const loser of losers) {
        if (loser === node) continue;
        this.#remove(loser);
        this.attentions.push(`${loser} 2a/05`);
      }
      if (changed) this.#tellOthers(node, '2a/04');
      this.#establish(node, type);
    } else {
      for (const loser of losers) {
        this.#remove(loser);
        if (loser !== node) this.attentions.push(`${loser} 2a/05`);
      }
      if (forAll && this.registrants.length === 0) this.type = 0;
    }
    this.generation += 1;
    return 'good';
  }

  #unregister(node: string): void {
    this.#remove(node);
    if (this.holder === node) {
      if (this.type >= writeExclusiveRegistrantsOnly) this.#tellOthers(node, '2a/04');
      this.type = 0;
      this.holder = '';
    }
    if (this.registrants.length === 0) this.type = 0;
  }

  #legacy(node: string, op: 'RESERVE(6)' | 'RELEASE(6)'): string {
    if (this.registrants.length > 0) {
      const member = this.type >= writeExclusiveRegistrantsOnly && this.keyOf(node) !== 0;
      return this.holds(node) || member ? 'good' : 'conflict';
    }
    if (op === 'RELEASE(6)') {
      if (this.reservedBy === node) this.reservedBy = '';
      return 'good';
    }
    if (this.reservedBy === '') this.reservedBy = node;
    return this.reservedBy === node ? 'good' : 'conflict';
  }

  #establish(node: string, type: number): void {
    this.type = type;
    this.holder = type >= writeExclusiveAllRegistrants ? '' : node;
  }

  #entry(node: string): { node: string; key: number } {
    const entry = this.registrants.find((each) => each.node === node);
    if (entry === undefined) throw new Error(`${node} is not registered`);
    return entry;
  }

  #remove(node: string): void {
    this.registrants = this.registrants.filter((entry) => entry.node !== node);
  }

  #tellOthers(sender: string, condition: string): void {
    for (const { node } of this.registrants) {
      if (node !== sender) this.attentions.push(`${node} ${condition}`);
    }
  }
}
