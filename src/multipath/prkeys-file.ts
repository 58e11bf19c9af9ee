/** The keys that mpathpersist has multipathd remember. */
import { readFileSync } from 'node:fs';
import { errnoOf } from '../util/failure.js';

/** Since multipath-tools 0.11 and before; only root may look into it. */
const prkeysFile = '/etc/multipath/prkeys';

export interface RememberedKey {
  /** False without the privilege to look. */
  readonly isReadable: boolean;
  /** `0x000000000000abc1`; undefined if there is none. */
  readonly key: string | undefined;
}

/**
 * The key that is remembered for a logical unit.
 * @param wwid as multipathd has it, `36001405...`
 */
export function rememberedKey(wwid: string, file = prkeysFile): RememberedKey {
  try {
    return { isReadable: true, key: keyOf(readFileSync(file, 'latin1'), wwid) };
  } catch (error) {
    return { isReadable: errnoOf(error) === 'ENOENT', key: undefined };
  }
}

/** `0x` or, with APTPL, `0X` and 16 digits, a blank, the wwid; `#` in front of it when removed. */
function keyOf(text: string, wwid: string): string | undefined {
  for (const line of text.split('\n')) {
    const [, key, name] = /^(0x[0-9a-f]{16}) (\S+)$/i.exec(line) ?? [];
    if (name === wwid) return key;
  }
  return undefined;
}
