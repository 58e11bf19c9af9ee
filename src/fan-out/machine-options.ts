import type { UnitAttentions } from '../pr/unit-attention.js';
import type { RunContext } from './run.js';

/** What a device's commands and its audits work with. */
export interface MachineOptions extends RunContext {
  readonly unitAttentions: UnitAttentions;
  /** Asks for `audit` in a turn of its own: at once, or after a while. */
  readonly requestAudit: (when: 'now' | 'later') => void;
  readonly log: (text: string) => void;
}
