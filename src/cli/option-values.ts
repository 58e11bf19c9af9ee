/** Parsers of option values, whose refusals become commander's usage errors, and shared options. */
import { InvalidArgumentError, Option } from 'commander';
import type { DeviceKind } from '../daemon/serve-options.js';
import { serialLengthMax } from '../device/serial.js';
import type { SandboxSettings } from '../native/sandbox.js';
import { isInitiatorName } from '../pr/nexus.js';
import { type Designator, parseDesignator } from '../scsi/designator.js';

/** For an option that may be given several times: the values of all of them in order. */
export function collected<T>(parse: (text: string) => T): (text: string, before?: T[]) => T[] {
  return (text, before = []) => [...before, parse(text)];
}

export function deviceKind(text: string): DeviceKind {
  if (text !== 'blk' && text !== 'scsi') throw new InvalidArgumentError('It must be blk or scsi.');
  return text;
}

export function initiatorName(text: string): string {
  if (!isInitiatorName(text)) {
    throw new InvalidArgumentError(
      'It must be an iSCSI name, such as iqn.2026-11.org.example:vm1, or eui. or naa. and digits.',
    );
  }
  return text.toLowerCase();
}

export function designator(text: string): Designator {
  const parsed = parseDesignator(text);
  if (parsed === undefined) {
    throw new InvalidArgumentError(
      'It must be naa. with 16 or 32 hexadecimal digits, or eui. with 16, 24 or 32.',
    );
  }
  return parsed;
}

/** A parser of decimal integers from `min` to `max`. */
export function integerBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Bytes of a logical block: virtio-blk counts in 512, Linux guests take no more than a page. */
export function blockSize(text: string): number {
  if (!['512', '1024', '2048', '4096'].includes(text)) {
    throw new InvalidArgumentError('It must be 512, 1024, 2048 or 4096.');
  }
  return Number(text);
}

/** Permission bits, octal as for chmod. */
export function fileMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) {
    throw new InvalidArgumentError('It must be octal permission bits, such as 0660.');
  }
  return parseInt(text, 8);
}

export function serial(text: string): string {
  if (!/^[\x21-\x7e]+$/.test(text) || text.length > serialLengthMax) {
    throw new InvalidArgumentError(
      `It must have 1 to ${serialLengthMax} printable ASCII characters without blanks.`,
    );
  }
  return text;
}

/** Who keeps a disk's reservations. */
export type ReservationKeeper =
  { by: 'emulated' } | { by: 'device' } | { by: 'prd'; socketPath: string };

export function reservationKeeper(text: string): ReservationKeeper {
  if (text === 'emulated' || text === 'device') return { by: text };
  const [, socketPath] = /^prd:(.+)$/.exec(text) ?? [];
  if (socketPath !== undefined) return { by: 'prd', socketPath };
  throw new InvalidArgumentError('It must be emulated, device or prd:SOCKET.');
}

/** Where it is noted what this host has registered on devices; the same for all who touch them. */
export function stateDirectoryOption(description: string): Option {
  return new Option('--state-directory <folder>', description)
    .env('STATE_DIRECTORY')
    .default('/var/lib/holdfast');
}

export function userOption(): Option {
  return new Option('--user <name>', 'become this user when devices are open; needs root');
}

export function sandboxOption(): Option {
  return new Option('--no-sandbox', 'keep the system calls that are not needed');
}

/** What commander makes of both. */
export interface SandboxArguments {
  user?: string;
  sandbox: boolean;
}

export function sandboxSettings({ user, sandbox }: SandboxArguments): SandboxSettings {
  return { user, seccomp: sandbox };
}
