/** What the data plane serves of a disk without asking, so long as its access fence is open. */
import type { NativeCommand } from './command.js';
import type { LogicalUnit } from './logical-unit.js';
import type { BlockLimits } from './medium.js';

export interface NativeService {
  readonly commands: readonly Pick<NativeCommand, 'name' | 'opcode' | 'usage' | 'access'>[];
  readonly limits: BlockLimits;
}

export function nativeService({ commands, medium }: LogicalUnit): NativeService {
  const native = Array.from(commands).filter((command) => command.run === 'natively');
  return {
    commands: native.map(({ name, opcode, usage, access }) => ({ name, opcode, usage, access })),
    limits: medium.limits,
  };
}
