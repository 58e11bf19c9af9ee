import { look } from './array-reader.js';
import type { ArrayView } from './array-view.js';
import type { PathId } from './own-nexuses.js';
import type { PathAccess } from './path-access.js';
import type { UnsettledCommands } from './unsettled-commands.js';

/** What was seen at one time, of the array and of this host. */
export interface Look {
  readonly view: ArrayView;
  readonly usable: ReadonlySet<PathId>;
  /** Paths whose command might have been executed after this look. */
  readonly unsettled: ReadonlySet<PathId>;
}

/**
 * Looks at the array. A command that settles meanwhile may have been executed behind the back of
 * this look, which then says nothing of it: there is another one.
 * @param deadline on the clock of `access`, milliseconds
 * @returns undefined if no path answered
 */
export async function lookAround(
  access: PathAccess,
  commands: UnsettledCommands,
  usable: ReadonlySet<PathId>,
  deadline: number,
): Promise<Look | undefined> {
  for (;;) {
    const { settlements } = commands;
    const view = await look(access, deadline);
    if (view === undefined) return undefined;
    if (commands.settlements === settlements) return { view, usable, unsettled: commands.paths };
  }
}
