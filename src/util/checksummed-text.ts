/**
 * A text that says what it is and whether it is whole: a line with the format's name, its version
 * and the SHA-256 of all that follows, then the body.
 */
import { createHash } from 'node:crypto';

export interface TextFormat {
  /** Without spaces. */
  readonly name: string;
  readonly version: number;
  /** For messages: `reservation state file`. */
  readonly noun: string;
}

export function withChecksum({ name, version }: TextFormat, body: string): string {
  return `${name} ${version} ${digestOf(body)}\n${body}`;
}

/** @throws Error that says what is wrong, to be put behind the file's name */
export function checkedBody({ name, version, noun }: TextFormat, text: string): string {
  const [, itsName, itsVersion, digest, body] = /^(\S+) (\d+) (\S+)\n(.*)$/s.exec(text) ?? [];
  if (itsName !== name || body === undefined) throw new Error(`is no ${noun}`);
  if (Number(itsVersion) !== version) {
    throw new Error(`has version ${itsVersion}; this program knows version ${version}`);
  }
  if (digest !== digestOf(body)) throw new Error('is damaged: its checksum does not match');
  return body;
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
