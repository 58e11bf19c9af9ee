/** The domain of qemu-configs and libvirt's own QEMU driver. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BackEnd } from '../support/back-end.js';
import { Libvirt } from '../support/libvirt.js';
import { useRig } from '../support/rig.js';
import { configDirectory } from './scenarios/qemu-configs.js';

const domain = `${configDirectory}/libvirt-domain.xml`;

describe("libvirt's QEMU driver", () => {
  const rig = useRig();
  let backEnd: BackEnd;
  let libvirt: Libvirt;

  beforeAll(async () => {
    const file = await rig.image('disk.img', 64 * 1024 ** 2);
    backEnd = await rig.backEnd({ socketPath: rig.path('disk.sock'), file });
    libvirt = await Libvirt.create(rig.path('libvirt'), rig.directory);
  });
  afterAll(() => {
    libvirt.close();
  });

  it('makes arguments for QEMU of the domain', async () => {
    const argv = await libvirt.virsh('domxml-to-native', 'qemu-argv', '--xml', domain);
    expect(argv).toMatch(/"qom-type":"memory-backend-memfd",.*"share":true/);
    expect(argv).toContain('path=/run/holdfast/disk.sock,reconnect-ms=1000');
    expect(argv).toMatch(/"driver":"vhost-user-blk-pci",.*"num-queues":2/);
  });

  it('runs the domain, but does not resize its disk', async () => {
    const name = 'holdfast-guest';
    const output = await libvirt.virsh(
      `create ${domain}; domstate ${name}; blockresize ${name} vda 1G; destroy ${name}`,
    );
    expect(output).toContain('running');
    expect(output).toContain('block resize is not supported for vhostuser disk');
    await backEnd.frontEndGone(0);
  });

  /** The domain with something more in its <disk>, or with other attributes. */
  const refusal = async (change: (xml: string) => string) => {
    const xml = await readFile(domain, 'utf8');
    const changed = change(xml);
    expect(changed).not.toBe(xml);
    await writeFile(rig.path('changed.xml'), changed);
    return libvirt.virsh('domxml-to-native', 'qemu-argv', '--xml', rig.path('changed.xml'));
  };

  it.each([
    ['readonly', '<readonly/>'],
    ['shareable', '<shareable/>'],
    ['serial', '<serial>1234</serial>'],
    ['wwn', '<wwn>5000c500a0b1c2d3</wwn>'],
    ['iotune', '<iotune><total_iops_sec>1000</total_iops_sec></iotune>'],
    ['blockio', '<blockio logical_block_size="4096"/>'],
  ])('refuses <%s>', async (_what, element) => {
    await expect(refusal((xml) => xml.replace('<target', `${element}<target`))).rejects.toThrow(
      /not supported with vhostuser disk/,
    );
  });

  it.each([
    'cache="none"',
    'io="native"',
    'discard="unmap"',
    'error_policy="stop"',
    'iothread="1"',
  ])('refuses <driver %s>', async (attribute) => {
    const change = (xml: string) => xml.replace('<driver', `<driver ${attribute}`);
    await expect(refusal(change)).rejects.toThrow(/not supported with vhostuser disk/);
  });

  it('refuses a bus other than virtio', async () => {
    const change = (xml: string) =>
      xml.replace(" queues='2'", '').replace("'vda' bus='virtio'", "'sda' bus='scsi'");
    await expect(refusal(change)).rejects.toThrow(/vhostuser/);
  });
});
