/** PRE-FETCH, which names blocks but moves none of their data (SBC-3 §5). */
import type { Cdb } from './cdb.js';
import { checkCondition, type CommandOutcome, good } from './command-outcome.js';
import type { Medium } from './medium.js';
import { lbaOutOfRange, type ScsiSense } from './sense.js';

/** LOGICAL BLOCK ADDRESS and the length field of a CDB. */
export interface BlockRange {
  readonly first: bigint;
  readonly count: bigint;
}

export type RangeReader = (cdb: Cdb) => BlockRange;

export const range10: RangeReader = (cdb) => ({
  first: BigInt(cdb.uint32(2)),
  count: BigInt(cdb.uint16(7)),
});
export const range16: RangeReader = (cdb) => ({
  first: cdb.uint64(2),
  count: BigInt(cdb.uint32(10)),
});

/** GOOD and not CONDITION MET: whether the blocks fit in a cache isn't known. */
export function preFetch(cdb: Cdb, medium: Medium, range: RangeReader): CommandOutcome {
  return checked(range(cdb), medium);
}

function checked(range: BlockRange, medium: Medium): CommandOutcome {
  const refusal = beyondEnd(range, medium);
  return refusal === undefined ? good : checkCondition(refusal);
}

/** Zero blocks may begin right at the end of the disk, and not beyond it. */
function beyondEnd({ first, count }: BlockRange, { blocks }: Medium): ScsiSense | undefined {
  if (first + count <= blocks) return undefined;
  return lbaOutOfRange(first > blocks ? first : blocks);
}
