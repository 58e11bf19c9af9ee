/** What a process leaves of a guest's reservations to the one that the guest goes on in: text. */
import * as v from 'valibot';
import type { JournalEntry } from '../fan-out/journal.js';
import { decodeJournal, encodeJournal } from '../fan-out/journal-format.js';
import type { Sense } from '../pr/sense.js';
import { StoredSense } from '../pr/stored-sense.js';
import { messageOf } from '../util/failure.js';

export interface Departure {
  readonly journal: JournalEntry;
  /** What the guest has not been told of yet. */
  readonly attentions: readonly Sense[];
}

const conditionsMax = 64;

const Format = v.strictObject({
  /** As in its file, checksum and all. */
  journal: v.string(),
  attentions: v.pipe(v.array(StoredSense), v.maxLength(conditionsMax)),
});

export function encodeDeparture({ journal, attentions }: Departure): string {
  return JSON.stringify({
    journal: encodeJournal(journal),
    attentions: attentions.map(({ senseKey, asc, ascq }) => ({ senseKey, asc, ascq })),
  });
}

/** @throws Error that says what is wrong, to be put behind the name of the text */
export function decodeDeparture(text: string): Departure {
  const parsed = v.safeParse(Format, json(text));
  if (!parsed.success) throw new Error(`is no departure: ${v.summarize(parsed.issues)}`);
  return { journal: decodeJournal(parsed.output.journal), attentions: parsed.output.attentions };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`is no JSON: ${messageOf(error)}`, { cause: error });
  }
}
