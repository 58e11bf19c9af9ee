/** Every file of qemu-configs, used as it stands. */
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';

import { checkout, inTree } from '../support/images.js';
import { type QemuVersion } from '../support/qemu-guest.js';
import { useRig } from '../support/rig.js';

const run = promisify(execFile);
const directory = `${checkout}qemu-configs`;

interface ConfigCase {
  file: string;
  versions: QemuVersion[];
  cpus?: number;
  readOnly?: boolean;
}

/** `reconnect` became `reconnect-ms`; the lab starts QEMU 11. */
const configs: ConfigCase[] = [
  { file: 'vhost-user-blk.cfg', versions: ['7.2', '10'] },
  { file: 'vhost-user-blk-multiqueue.cfg', versions: ['7.2', '10'], cpus: 4 },
  { file: 'vhost-user-blk-read-only.cfg', versions: ['7.2', '10'], readOnly: true },
  { file: 'vhost-user-blk-reconnect.cfg', versions: ['7.2', '10'] },
  { file: 'vhost-user-blk-reconnect-qemu11.cfg', versions: ['10'] },
];
const cases = configs.flatMap((config) =>
  config.versions.map((version) => ({ ...config, version })),
);

describe.each(cases)(
  '$file with QEMU $version',
  ({ file, version, cpus = 1, readOnly = false }) => {
    const rig = useRig();

    it('gives the guest its disk', async () => {
      const image = await rig.image('disk.img', 16 * 1024 ** 2);
      await rig.backEnd({ socketPath: rig.path('disk.sock'), file: image, readOnly });
      const guest = await rig.qemu({
        version,
        cpus,
        disk: ['-readconfig', `${directory}/${file}`],
        runDirectory: rig.directory,
      });
      await guest.booted();
      expect(await guest.run('cat /sys/block/vda/size')).toBe(`${(16 * 1024 ** 2) / 512}\n`);
      expect(await guest.run('cat /sys/block/vda/ro')).toBe(readOnly ? '1\n' : '0\n');
      expect(await guest.run('ls /sys/block/vda/mq | wc -l')).toBe(`${cpus}\n`);
      await guest.run('dd if=/dev/vda of=/dev/null bs=1M iflag=direct');
      await guest.powerOff();
    });
  },
);

it('every QEMU configuration is among the cases', async () => {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.cfg'));
  expect(configs.map(({ file }) => file).sort()).toEqual(files.sort());
});

describe("libvirt's QEMU driver", () => {
  const rig = useRig();
  let domain: string;

  beforeAll(async () => {
    domain = await readFile(`${directory}/libvirt-domain.xml`, 'utf8');
  });

  /** What the driver makes of a domain: a QEMU command line. */
  async function translate(xml: string): Promise<string> {
    await writeFile(rig.path('domain.xml'), xml);
    const virsh = ['virsh', '-c', `qemu:///embed?root=${rig.directory}/libvirt`];
    const command = [...virsh, 'domxml-to-native', 'qemu-argv', rig.path('domain.xml')];
    const [program = '', ...args] = inTree('trixie', command, rig.directory);
    return (await run(program, args)).stdout;
  }

  it('takes libvirt-domain.xml', async () => {
    const command = await translate(domain);
    expect(command).toContain('/run/holdfast/disk.sock');
    expect(command).toContain('"driver":"vhost-user-blk-pci"');
    expect(command).toContain('"num-queues":2');
    expect(command).toContain('"share":true');
    expect(command).toMatch(/reconnect(-ms)?["=:]+1/);
  });

  it.each([
    ['another bus', "bus='virtio'", "bus='scsi'"],
    ['readonly', '<target', '<readonly/><target'],
    ['shareable', '<target', '<shareable/><target'],
    ['a serial number', '<target', '<serial>1</serial><target'],
    ['a cache mode', "type='raw'", "type='raw' cache='none'"],
    ['an I/O mode', "type='raw'", "type='raw' io='native'"],
    ['discard', "type='raw'", "type='raw' discard='unmap'"],
  ])('refuses %s for a vhost-user disk', async (_, found, put) => {
    expect(domain).toContain(found);
    await expect(translate(domain.replace(found, put))).rejects.toThrow(/error: /);
  });
});
