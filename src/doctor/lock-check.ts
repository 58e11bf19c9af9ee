/** Whether the lock that keeps two guests of this host apart works. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { logicalUnitLockFolder, logicalUnitLockHolder } from '../device/logical-unit-lock.js';
import { errnoOf } from '../util/failure.js';
import type { Finding } from './finding.js';

const topic = 'lock';

export function checkLock(wwid: string, folder = logicalUnitLockFolder): Finding {
  const holder = logicalUnitLockHolder(wwid, folder);
  if (holder !== undefined) {
    return {
      verdict: 'good',
      topic,
      what: `the reservations of this logical unit are in use on this host by ${holder}`,
    };
  }
  const failure = whyUnusable(folder);
  if (failure === undefined) {
    return { verdict: 'good', topic, what: `nobody on this host uses its reservations` };
  }
  return {
    verdict: 'bad',
    topic,
    what: `${folder} can't be used for locks (${failure})`,
    why: 'a second guest of this host on this logical unit would not be noticed, so holdfast refuses to start',
    advice: `have root run install -d -m 1777 ${folder}, and install setup/tmpfiles.d/holdfast.conf so that it is there after a reboot`,
  };
}

/** The errno's name if files could not be made there, the folder itself included. */
function whyUnusable(folder: string): string | undefined {
  try {
    const there = exists(folder) ? folder : dirname(folder);
    accessSync(there, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return errnoOf(error);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
