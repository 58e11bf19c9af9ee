import type { PrOutCommand } from '../../../../src/pr/command.js';

/** What a guest takes for its key, by nothing but the answers and unit attentions it got. */
export class GuestBelief {
  /** Undefined: the last answer left it open, and the guest reads the keys before it goes on. */
  #key: bigint | undefined;
  /** A command that was to end the registration may have been executed, or may be yet. */
  #mayHaveLeft = false;

  constructor(key: bigint) {
    this.#key = key;
  }

  /** @param shown what READ KEYS would show; 0n: no key of the guest's */
  key(shown: bigint): bigint {
    return this.#key ?? shown;
  }

  /** @param attention `6/2a/05` */
  attended(attention: string): void {
    // RESERVATIONS RELEASED (04) takes no registration.
    if (attention === '6/2a/03' || attention === '6/2a/05') this.#key = 0n;
  }

  /** @param answer undefined: it was lost with the process that should have given it */
  heard(command: PrOutCommand, answer: string | undefined): void {
    switch (answer) {
      case 'good':
        this.#executed(command);
        return;
      case 'conflict':
        if (deniesTheKey(command)) this.#key = undefined;
        return;
      case undefined:
      case 'b/08/01':
        if (mayChangeTheKey(command)) this.#key = undefined;
        this.#mayHaveLeft ||= endsRegistration(command);
        return;
      default:
        this.attended(answer);
    }
  }

  /**
   * Whether the command asks for a registration that the guest knows, or must reckon with, not to
   * have: it has what it gets by its own right then, whoever took the one before.
   */
  beginsAnew(command: PrOutCommand, shown: bigint): boolean {
    const registers =
      command.action === 'register' || command.action === 'register-and-ignore-existing-key';
    if (!registers || command.serviceActionKey === 0n) return false;
    return this.key(shown) === 0n || this.#mayHaveLeft;
  }

  #executed(command: PrOutCommand): void {
    switch (command.action) {
      case 'register':
      case 'register-and-ignore-existing-key':
        this.#key = command.serviceActionKey;
        this.#mayHaveLeft = false;
        return;
      case 'clear':
        this.#key = 0n;
        return;
      case 'preempt':
      case 'preempt-and-abort':
        // Whoever names itself stays registered if it held.
        if (command.serviceActionKey === command.prkey) this.#key = undefined;
        return;
      default:
        return;
    }
  }
}

/**
 * Whether a conflict says that the RESERVATION KEY is not the sender's. With RESERVE somebody else's
 * reservation may be the reason, with PREEMPT that nobody has the key it names.
 */
function deniesTheKey({ action }: PrOutCommand): boolean {
  return action === 'register' || action === 'release' || action === 'clear';
}

function mayChangeTheKey({ action }: PrOutCommand): boolean {
  return action !== 'reserve' && action !== 'release';
}

function endsRegistration(command: PrOutCommand): boolean {
  switch (command.action) {
    case 'register':
    case 'register-and-ignore-existing-key':
      return command.serviceActionKey === 0n;
    case 'clear':
      return true;
    case 'preempt':
    case 'preempt-and-abort':
      return command.serviceActionKey === command.prkey;
    default:
      return false;
  }
}
