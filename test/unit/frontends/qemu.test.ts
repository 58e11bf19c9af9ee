import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { qemuArguments, qemuLines } from '../../../src/frontends/qemu.js';

it('shares the guest memory and doubles commas in the socket path', () => {
  const args = qemuArguments('/run/a,b.sock', 'blk').flat();
  expect(args).toContain('socket,id=disk,path=/run/a,,b.sock');
  expect(args.filter((arg) => arg.includes('share=on'))).toHaveLength(1);
});

it('prints a command that a shell splits into the same arguments', () => {
  const path = "/run/it's a socket, $HOME `x`";
  const [, command = ''] =
    /^ {2}(qemu-system-x86_64 [^]*?)\n\n/m.exec(qemuLines(path, 'blk')) ?? [];
  const script = command.replace(/^qemu-system-x86_64/, "printf '%s\\n'");
  const words = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n');
  expect(words).toEqual(qemuArguments(path, 'blk').flat());
});

it('names both spellings of reconnect', () => {
  const lines = qemuLines('/run/disk.sock', 'blk');
  expect(lines).toContain(',reconnect=1 ');
  expect(lines).toContain(',reconnect-ms=1000 ');
});

it('attaches a SCSI disk by its own device', () => {
  expect(qemuArguments('/run/disk.sock', 'scsi')).toContainEqual([
    '-device',
    'vhost-user-scsi-pci,chardev=disk',
  ]);
});
