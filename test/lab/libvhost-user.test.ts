/** The same sessions with holdfast and with QEMU's libvhost-user: what they make of them. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { format, resolveConfig } from 'prettier';
import { beforeAll, expect, onTestFinished, test } from 'vitest';

import { buildImages, checkout } from '../support/images.js';
import { differences } from './support/libvhost-user-differences.js';
import {
  buildSessions,
  type Comparison,
  comparisonOf,
  holdAll,
  HoldfastPeer,
  libvhostUserPeers,
  type Session,
} from './support/vhost-user-sessions.js';
import { differs, documentOf, figuresOf } from './support/libvhost-user-document.js';

const documentPath = `${checkout}docs/libvhost-user.md`;

/** A second queue's thread, and the one for calls that block. */
const makesWhatIsKept = ['two rings, stopped one after the other', 'a discard'];

let sessions: Session[] = [];
let comparisons: Comparison[] = [];

beforeAll(async () => {
  await buildImages('libvhost-user');
  sessions = await buildSessions();
});

test('one process of holdfast holds all sessions and keeps nothing of them', async () => {
  // With a file system that has direct I/O, which the other disk insists on.
  mkdirSync(`${checkout}.cache`, { recursive: true });
  const directory = mkdtempSync(`${checkout}.cache/sessions-`);
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const holdfast = await HoldfastPeer.start(directory, onTestFinished);
  const kept = sessions.filter(({ name }) => makesWhatIsKept.includes(name));
  for (const session of kept) await holdfast.hold(session);
  await holdfast.gone(kept.length);
  const before = holdfast.figures();

  comparisons = sessions.map(comparisonOf);
  await Promise.all([
    holdAll(comparisons, 'ours', [(session) => holdfast.hold(session)]),
    holdAll(comparisons, 'theirs', libvhostUserPeers(directory)),
  ]);
  const settled = (count: () => number) => expect.poll(count, { timeout: 20_000 });
  await settled(() => holdfast.figures().descriptors).toBeLessThanOrEqual(before.descriptors);
  await settled(() => holdfast.figures().threads).toBeLessThanOrEqual(before.threads);
  expect(holdfast.bugs()).toEqual([]);
});

test('holdfast answers as libvhost-user does, but for the differences that are listed', () => {
  const seen = comparisons.filter(differs).map(({ session }) => session.name);
  const listed = differences.flatMap(({ sessions: names }) => names);
  expect(seen.filter((name) => !listed.includes(name))).toEqual([]);
  expect(listed.filter((name) => !seen.includes(name))).toEqual([]);
});

test('the figures are those of the README', async () => {
  const text = await readFile(`${checkout}README.md`, 'utf8');
  const section = /### In libvhost-user's place\n(.*?)\n## /s.exec(text)?.[1] ?? '';
  const { all, alike, died, gaveUp, otherwise } = figuresOf(comparisons);
  expect(section).toContain(`The same ${all} sessions`);
  const column = [...section.matchAll(/\| (\d+) +\|$/gm)].map(([, figure]) => Number(figure));
  expect(column).toEqual([alike, died, gaveUp, otherwise]);
});

test('each difference is what the document says', async () => {
  const text = documentOf(comparisons, differences);
  console.log(text);
  const config = await resolveConfig(documentPath);
  const generated = await format(text, { ...config, filepath: documentPath });
  await expect(generated).toMatchFileSnapshot(documentPath);
});
