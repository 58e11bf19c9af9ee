/** multipathd's view of a map, from its reply to `show map NAME json`. */
import * as v from 'valibot';
import type { PathCondition } from './path-condition.js';

const schema = v.object({
  map: v.object({
    uuid: v.string(),
    queueing: v.string(),
    path_groups: v.array(
      v.object({
        group: v.number(),
        paths: v.array(v.object({ dev: v.string(), dm_st: v.string(), chk_st: v.string() })),
      }),
    ),
  }),
});

export interface MapTopology {
  /** multipathd's name of the logical unit, `36001405...`. */
  readonly wwid: string;
  /** What happens to I/O while no path is left: `off`, `on`, `5 chk`; `-` if unknown. */
  readonly queueing: string;
  /** By the kernel's name of the path, `sda`. */
  readonly paths: ReadonlyMap<string, PathPlace>;
}

export interface PathPlace {
  /** 1 for the path group that multipathd prefers. */
  readonly group: number;
  /** What its path checker found. */
  readonly condition: PathCondition;
}

/** @returns undefined if the reply is not such a description, for one because there is no such map */
export function parseMapTopology(reply: string): MapTopology | undefined {
  const parsed = v.safeParse(schema, json(reply));
  if (!parsed.success) return undefined;
  const { uuid, queueing, path_groups: groups } = parsed.output.map;
  const places = groups.flatMap(({ group, paths }) =>
    paths.map(({ dev, chk_st: checked }): [string, PathPlace] => [
      dev,
      { group, condition: checkerCondition(checked) },
    ]),
  );
  return { wwid: uuid, queueing, paths: new Map(places) };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The other states (pending, delayed, undef) say nothing about the path. */
function checkerCondition(state: string): PathCondition {
  switch (state) {
    case 'faulty':
    case 'shaky':
    case 'i/o timeout':
      return { state: 'down', reason: `multipathd's path checker says ${state}` };
    case 'ghost':
      return { state: 'ghost', reason: "multipathd's path checker says ghost" };
    default:
      return { state: 'up' };
  }
}
