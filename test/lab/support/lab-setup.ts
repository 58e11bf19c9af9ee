import { checkout } from '../../support/images.js';

/** A state of one machine or two that scenarios start from: see the scripts' first lines. */
export interface LabSetup {
  name: string;
  /** One script for each machine, each run to its end; two run at a time and share a cable. */
  scripts: readonly string[];
}

export const labSetups = {
  loop: { name: 'loop', scripts: ['loop.sh'] },
  iscsi: { name: 'iscsi', scripts: ['iscsi.sh'] },
  nvme: { name: 'nvme', scripts: ['nvme.sh'] },
  'two-hosts': { name: 'two-hosts', scripts: ['two-hosts-target.sh', 'two-hosts-initiator.sh'] },
} satisfies Record<string, LabSetup>;

const lab = `${checkout}test/lab`;

/** Where the script of a set-up is. */
export function setupScript(name: string): string {
  return `${lab}/setups/${name}`;
}

/** Shell functions that every script in a machine has at hand. */
export const hostFunctions = ['base', 'holdfast', 'lio', 'multipath', 'iscsi', 'nvme'].map(
  (name) => `${lab}/host/${name}.sh`,
);

/** Files that a host with holdfast has: where they go, and where they are here. */
export const hostFiles = {
  '/etc/udev/rules.d/70-holdfast.rules': `${checkout}setup/udev/70-holdfast.rules`,
  '/etc/tmpfiles.d/holdfast.conf': `${checkout}setup/tmpfiles.d/holdfast.conf`,
};
