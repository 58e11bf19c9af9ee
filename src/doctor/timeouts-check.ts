/** How long a path that went dark can hold commands, which is how long fencing can take. */
import type { PathFacts } from '../multipath/path-facts.js';
import { iscsiSessionFolder, remotePortFolder } from '../multipath/scsi-path.js';
import type { Sysfs } from '../multipath/sysfs.js';
import type { Finding } from './finding.js';

/** multipathd's default fast_io_fail_tmo, seconds; it writes it to the kernel for paths in a map. */
const goodRecoverySeconds = 5;

export function checkTimeouts(sysfs: Sysfs, path: PathFacts): Finding[] {
  if (path.kind !== 'scsi') return [];
  const session = iscsiSessionFolder(path.folder);
  if (session !== undefined) return iscsiFindings(sysfs, path.name, session);
  const port = remotePortFolder(path.folder);
  return port === undefined ? [] : [fibreChannelFinding(sysfs, path.name, port)];
}

function iscsiFindings(sysfs: Sysfs, name: string, session: string): Finding[] {
  return [
    recoveryFinding(name, 'recovery_tmo', sysfs.number(`${session}/recovery_tmo`)),
    noopFinding(sysfs, name, session),
  ];
}

function fibreChannelFinding(sysfs: Sysfs, name: string, port: string): Finding {
  return recoveryFinding(name, 'fast_io_fail_tmo', sysfs.number(`${port}/fast_io_fail_tmo`));
}

function recoveryFinding(name: string, setting: string, seconds: number | undefined): Finding {
  const topic = `path ${name}`;
  if (seconds !== undefined && seconds >= 0 && seconds <= goodRecoverySeconds) {
    return { verdict: 'good', topic, what: `${setting} is ${seconds} s` };
  }
  const value = seconds === undefined || seconds < 0 ? 'off' : `${seconds} s`;
  return {
    verdict: 'better',
    topic,
    what: `${setting} is ${value}`,
    why: `when this path goes dark, a reservation command on it can stay in the kernel that long, and until it is settled every further change is answered BUSY`,
    advice: `set fast_io_fail_tmo to ${goodRecoverySeconds} in multipath.conf, in "defaults" or in the "device" section of the array, and run "multipathd reconfigure"`,
  };
}

function noopFinding(sysfs: Sysfs, name: string, session: string): Finding {
  const topic = `path ${name}`;
  const [interval, timeout] = noopSeconds(sysfs, session);
  if (interval > 0 && timeout > 0) {
    return {
      verdict: 'good',
      topic,
      what: `iSCSI notices a dead connection within ${interval + timeout} s (noop interval ${interval} s, time-out ${timeout} s)`,
    };
  }
  return {
    verdict: 'better',
    topic,
    what: `iSCSI's noop is off (interval ${interval} s, time-out ${timeout} s)`,
    why: 'a target that no longer answers is noticed only when a command has timed out, half a minute or more later',
    advice:
      'set node.conn[0].timeo.noop_out_interval and noop_out_timeout to 5 with iscsiadm -m node -o update, and log in again',
  };
}

function noopSeconds(sysfs: Sysfs, session: string): [interval: number, timeout: number] {
  const parent = session.slice(0, session.indexOf('/iscsi_session/'));
  const connection = sysfs.names(parent).find((name) => name.startsWith('connection'));
  const folder = `${parent}/${connection}/iscsi_connection/${connection}`;
  return [sysfs.number(`${folder}/recv_tmo`) ?? 0, sysfs.number(`${folder}/ping_tmo`) ?? 0];
}
