import { GuestProcess } from './guest-process.js';
import { inTree, umlGuest, type UmlSoftware } from './images.js';

/** Device numbers of virtio. */
const virtioDevices = { blk: 2, scsi: 8 };

export interface UmlDisk {
  socketPath: string;
  device: keyof typeof virtioDevices;
}

export interface UmlOptions {
  /** By default the guest has none. */
  disk?: UmlDisk | readonly UmlDisk[];
  software?: UmlSoftware;
}

/** A guest of user-mode Linux: a real kernel that runs as a process, at full speed. */
export class UmlGuest extends GuestProcess {
  constructor({ disk = [], software = 'files' }: UmlOptions, cwd: string, log: string) {
    const devices = [disk]
      .flat()
      .map(({ socketPath, device }) => `virtio_uml.device=${socketPath}:${virtioDevices[device]}`);
    const command = [
      ...['/usr/bin/linux.uml', 'mem=512M', `initrd=${umlGuest.initramfs[software]}`, ...devices],
      ...['con0=null,fd:1', 'con1=fd:3,fd:3', 'con=null', 'ssl=null', 'quiet', 'panic=-1'],
      ...['agent=/dev/tty1', `uml_dir=${cwd}`],
    ];
    super({ command: inTree('trixie', command), cwd, log, sockets: 1 });
  }
}
