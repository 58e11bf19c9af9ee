/** multipathd's configuration, from its reply to `show config local`. */

/** A section: its settings, and the sections in it. */
interface Section {
  readonly settings: ReadonlyMap<string, string>;
  readonly sections: readonly (readonly [name: string, Section])[];
}

/**
 * multipathd's `reservation_key` of a logical unit: a key and perhaps `:aptpl`, or `file` for the one
 * in its prkeys file.
 * @param config the reply
 * @param wwid as multipathd has it, `36001405...`
 * @returns undefined if it has none and so registers nothing
 */
export function reservationKeySetting(config: string, wwid: string): string | undefined {
  const top = parseSections(config);
  const own = sectionsOf(sectionsOf([top], 'multipaths'), 'multipath').find(
    ({ settings }) => settings.get('wwid') === wwid,
  );
  const [defaults] = sectionsOf([top], 'defaults');
  return own?.settings.get('reservation_key') ?? defaults?.settings.get('reservation_key');
}

/** Whether a reply is a configuration at all. */
export function isConfig(reply: string): boolean {
  return /^defaults \{$/m.test(reply);
}

function sectionsOf(parents: readonly Section[], name: string): Section[] {
  return parents.flatMap(({ sections }) =>
    sections.filter(([sectionName]) => sectionName === name).map(([, section]) => section),
  );
}

/** One keyword a line; the last one wins, as in multipathd. */
function parseSections(text: string): Section {
  const top = emptySection();
  const open = [top];
  for (const line of text.split('\n')) {
    const inner = open.at(-1) ?? top;
    const [, name] = /^\s*(\w+)\s*\{$/.exec(line) ?? [];
    if (name !== undefined) {
      const section = emptySection();
      inner.sections.push([name, section]);
      open.push(section);
    } else if (line.trim() === '}') {
      if (open.length > 1) open.pop();
    } else {
      const [, keyword, value] = /^\s*(\w+)\s+(.*)$/.exec(line) ?? [];
      if (keyword !== undefined) inner.settings.set(keyword, unquoted(value ?? ''));
    }
  }
  return top;
}

function emptySection() {
  return { settings: new Map<string, string>(), sections: [] as [string, Section][] };
}

function unquoted(value: string): string {
  const [, inner] = /^"(.*)"$/.exec(value.trim()) ?? [];
  return inner?.replaceAll('""', '"') ?? value.trim();
}
