/**
 * A host's sysfs by hand, with the files and links that the kernel (6.12) shows for the lab's
 * devices, and no others.
 */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Sysfs } from '../../../../src/multipath/sysfs.js';
import { scratchFolder } from '../../../support/scratch.js';

export const wwid = 'naa.60014051111111122223333444455555';
export const multipathdWwid = '360014051111111122223333444455555';

export interface DiskOptions {
  /** `8:0`. */
  number: string;
  /** `2:0:0:0`. */
  address: string;
  /** Where the host hangs, `devices/platform/host2`, and what is between host and target. */
  parent: string;
  wwid?: string;
  generic?: string;
  diskseq?: number;
}

/** The nexus of `session(number)` to the lab's target. */
export function sessionNexus(number: number): string {
  return `iqn.2024-01.lab:a,session${number} iqn.2024-01.lab:t,t,${number}`;
}

export class HostTree {
  readonly #root = scratchFolder();
  readonly sysfs = new Sysfs(this.#root);

  file(path: string, text: string): void {
    mkdirSync(dirname(join(this.#root, path)), { recursive: true });
    writeFileSync(join(this.#root, path), `${text}\n`);
  }

  link(path: string, target: string): void {
    const place = join(this.#root, path);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(relative(dirname(place), join(this.#root, target)), place);
  }

  remove(path: string): void {
    rmSync(join(this.#root, path), { recursive: true });
  }

  /** A block device's folder, with its links by name and by number. @returns the folder */
  block(name: string, number: string, folder: string): string {
    this.file(`${folder}/dev`, number);
    mkdirSync(join(this.#root, folder, 'holders'), { recursive: true });
    mkdirSync(join(this.#root, folder, 'slaves'), { recursive: true });
    this.link(`dev/block/${number}`, folder);
    this.link(`class/block/${name}`, folder);
    this.link(`block/${name}`, folder);
    return folder;
  }

  /** A SCSI disk. @returns the device's folder */
  disk(name: string, options: DiskOptions): string {
    const { number, address, parent, generic, diskseq = 1 } = options;
    const [host, channel, target] = address.split(':');
    const device = `${parent}/target${host}:${channel}:${target}/${address}`;
    this.file(`${device}/state`, 'running');
    this.file(`${device}/wwid`, options.wwid ?? wwid);
    if (generic !== undefined) this.file(`${device}/scsi_generic/${generic}/dev`, '21:0');
    const block = this.block(name, number, `${device}/block/${name}`);
    this.file(`${block}/diskseq`, String(diskseq));
    this.link(`${block}/device`, device);
    return device;
  }

  removeDisk(name: string, number: string, device: string): void {
    for (const path of [`dev/block/${number}`, `class/block/${name}`, `block/${name}`, device]) {
      this.remove(path);
    }
  }

  /** An iSCSI session, as which it is logged in. @returns what a disk's `parent` is */
  session(number: number, initiator = 'iqn.2024-01.lab:a'): string {
    const parent = `devices/platform/host${number + 1}/session${number}`;
    const session = `${parent}/iscsi_session/session${number}`;
    this.file(`${session}/state`, 'LOGGED_IN');
    this.file(`${session}/initiatorname`, initiator);
    this.file(`${session}/targetname`, 'iqn.2024-01.lab:t');
    this.file(`${session}/tpgt`, String(number));
    this.file(`${session}/recovery_tmo`, '5');
    const connection = `connection${number}:0`;
    this.file(`${parent}/${connection}/iscsi_connection/${connection}/recv_tmo`, '5');
    this.file(`${parent}/${connection}/iscsi_connection/${connection}/ping_tmo`, '5');
    return parent;
  }

  sessionState(number: number, state: string): void {
    const folder = `devices/platform/host${number + 1}/session${number}/iscsi_session`;
    this.file(`${folder}/session${number}/state`, state);
  }

  /** A device-mapper map above disks. */
  map(name: string, uuid: string, mapName: string, paths: readonly string[]): void {
    const minor = name.replace('dm-', '');
    const folder = this.block(name, `253:${minor}`, `devices/virtual/block/${name}`);
    this.file(`${folder}/dm/uuid`, uuid);
    this.file(`${folder}/dm/name`, mapName);
    this.file(`${folder}/dm/suspended`, '0');
    for (const path of paths) this.join(name, path);
  }

  join(map: string, path: string): void {
    this.link(`block/${map}/slaves/${path}`, `block/${path}`);
    this.link(`block/${path}/holders/${map}`, `devices/virtual/block/${map}`);
  }

  leave(map: string, path: string): void {
    this.remove(`block/${map}/slaves/${path}`);
  }
}

/** The lab's map over two iSCSI paths. @returns the folders of the paths' devices */
export function iscsiMap(host: HostTree): { sdb: string; sdc: string } {
  const sdb = host.disk('sdb', {
    number: '8:16',
    address: '2:0:0:0',
    parent: host.session(1),
    generic: 'sg1',
    diskseq: 11,
  });
  const sdc = host.disk('sdc', {
    number: '8:32',
    address: '3:0:0:0',
    parent: host.session(2),
    generic: 'sg2',
    diskseq: 12,
  });
  host.map('dm-0', `mpath-${multipathdWwid}`, 'mpatha', ['sdb', 'sdc']);
  return { sdb, sdc };
}
