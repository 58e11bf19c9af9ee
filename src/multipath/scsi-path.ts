/** What sysfs tells about one path to a SCSI logical unit. */
import type { TransportId } from '../pr/transport-id.js';
import { worst, type PathCondition } from './path-condition.js';
import type { ScsiPath } from './path-facts.js';
import type { Sysfs } from './sysfs.js';

const hostPattern = /^(.*\/(host\d+))\//;

/**
 * Reads the path behind a disk of the SCSI layer.
 * @param name `sda`
 * @returns undefined if there is no such disk, or it is no SCSI disk
 */
export function readScsiPath(sysfs: Sysfs, name: string): ScsiPath | undefined {
  const device = sysfs.resolve(`block/${name}/device`);
  const [, address] = /\/(\d+:\d+:\d+:\d+)$/.exec(device ?? '') ?? [];
  if (device === undefined || address === undefined) return undefined;
  const attachment = readAttachment(sysfs, device);
  return {
    kind: 'scsi',
    id: attachment.nexus ?? address,
    name,
    address,
    genericName: sysfs.names(`${device}/scsi_generic`)[0],
    instance: sysfs.text(`block/${name}/diskseq`) ?? '',
    deviceNumber: sysfs.text(`block/${name}/dev`) ?? '',
    // The kernel's choice among the designators of VPD page 83h.
    wwid: sysfs.text(`${device}/wwid`),
    driver: driverOf(sysfs, device),
    condition: worst([attachment.condition, deviceCondition(sysfs, device)]),
    initiator: attachment.initiator,
    folder: device,
  };
}

/** `proc_name` of the SCSI host; empty if it has none. */
function driverOf(sysfs: Sysfs, device: string): string {
  const [, host, name] = hostPattern.exec(device) ?? [];
  const driver = sysfs.text(`${host}/scsi_host/${name}/proc_name`);
  return driver === undefined || driver === '<NULL>' ? '' : driver;
}

interface Attachment {
  /** Both ports' names; undefined where sysfs has none, and the address must do. */
  readonly nexus: string | undefined;
  readonly condition: PathCondition;
  readonly initiator: TransportId | undefined;
}

/** How the host's port is connected: an iSCSI session, a Fibre Channel remote port, or unknown. */
function readAttachment(sysfs: Sysfs, device: string): Attachment {
  const session = iscsiSessionFolder(device);
  if (session !== undefined) return iscsiAttachment(sysfs, session);
  const remotePort = remotePortFolder(device);
  if (remotePort !== undefined) return fibreChannelAttachment(sysfs, device, remotePort);
  return { nexus: undefined, condition: { state: 'up' }, initiator: undefined };
}

/** @returns `.../session3/iscsi_session/session3`, where the session's attributes are */
export function iscsiSessionFolder(device: string): string | undefined {
  const [, parent, name] = /^(.*\/(session\d+))\//.exec(device) ?? [];
  return parent === undefined ? undefined : `${parent}/iscsi_session/${name}`;
}

/** @returns `.../rport-3:0-1/fc_remote_ports/rport-3:0-1` */
export function remotePortFolder(device: string): string | undefined {
  const [, parent, name] = /^(.*\/(rport-[\d:-]+))\//.exec(device) ?? [];
  return parent === undefined ? undefined : `${parent}/fc_remote_ports/${name}`;
}

function iscsiAttachment(sysfs: Sysfs, session: string): Attachment {
  const name = session.split('/').at(-1) ?? session;
  const state = sysfs.text(`${session}/state`);
  const initiatorName = sysfs.text(`${session}/initiatorname`);
  const target = `${sysfs.text(`${session}/targetname`)},t,${sysfs.text(`${session}/tpgt`)}`;
  return {
    // The kernel shows no ISID, but open-iscsi makes it from the session's number: a new login is a
    // new nexus, and the recovery of a session is not.
    nexus: `${initiatorName},${name} ${target}`,
    condition:
      state === undefined || state === 'LOGGED_IN'
        ? { state: 'up' }
        : { state: 'down', reason: `iSCSI ${name} is ${state}` },
    initiator:
      initiatorName === undefined
        ? undefined
        : { protocol: 'iscsi', name: initiatorName, isid: undefined },
  };
}

function fibreChannelAttachment(sysfs: Sysfs, device: string, remotePort: string): Attachment {
  const name = remotePort.split('/').at(-1) ?? remotePort;
  const state = sysfs.text(`${remotePort}/port_state`);
  const [, host, hostName] = hostPattern.exec(device) ?? [];
  const ownName = sysfs.text(`${host}/fc_host/${hostName}/port_name`);
  const portName = portNameOf(ownName);
  return {
    nexus: `${ownName ?? hostName} ${sysfs.text(`${remotePort}/port_name`) ?? name}`,
    condition:
      state === undefined || state === 'Online' || state === 'Marginal'
        ? { state: 'up' }
        : { state: 'down', reason: `remote port ${name} is ${state}` },
    initiator: portName === undefined ? undefined : { protocol: 'fibre-channel', portName },
  };
}

function portNameOf(text: string | undefined): bigint | undefined {
  return text !== undefined && /^0x[0-9a-f]{1,16}$/i.test(text) ? BigInt(text) : undefined;
}

function deviceCondition(sysfs: Sysfs, device: string): PathCondition {
  const state = sysfs.text(`${device}/state`);
  if (state !== 'running') return { state: 'down', reason: `the device is ${state ?? 'gone'}` };
  return accessCondition(sysfs.text(`${device}/access_state`));
}

/** ALUA's access state, where a device handler keeps it (SPC-4 §5.15.2.4). */
function accessCondition(access: string | undefined): PathCondition {
  switch (access) {
    case 'standby':
    case 'transitioning':
      return { state: 'ghost', reason: `its target ports are in ${access}` };
    case 'unavailable':
    case 'offline':
      return { state: 'down', reason: `its target ports are ${access}` };
    default:
      return { state: 'up' };
  }
}
