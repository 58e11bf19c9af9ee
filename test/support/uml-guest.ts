import { GuestProcess } from './guest-process.js';
import { inTree, umlGuest } from './images.js';

/** A guest of user-mode Linux: a real kernel that runs as a process, at full speed. */
export class UmlGuest extends GuestProcess {
  /** Attached to the back end at `socketPath`, or to none. */
  constructor(socketPath: string | undefined, cwd: string, log: string) {
    const virtioBlock = 2;
    const disk = socketPath === undefined ? [] : [`virtio_uml.device=${socketPath}:${virtioBlock}`];
    const command = [
      ...['/usr/bin/linux.uml', 'mem=512M', `initrd=${umlGuest.initramfs}`, ...disk],
      ...['con0=null,fd:1', 'con1=fd:3,fd:3', 'con=null', 'ssl=null', 'quiet', 'panic=-1'],
      ...['agent=/dev/tty1', `uml_dir=${cwd}`],
    ];
    super({ command: inTree('trixie', command), cwd, log, sockets: 1 });
  }
}
