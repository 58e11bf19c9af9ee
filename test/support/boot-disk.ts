import { execFile } from 'node:child_process';
import { copyFile, mkdir, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';

import { grub, qemuGuest } from './images.js';

const run = promisify(execFile);

const sectorBytes = 512;
const partitionStart = 2048;

/** Where the partition table of an MBR starts, after the boot code. */
const tableOffset = 446;
const activeFlag = 0x80;
const linuxPartition = 0x83;

/**
 * A disk that SeaBIOS boots from: GRUB says "GRUB is up" on the second serial line, waits there for
 * a line of input and starts the kernel and initramfs of the guests from the disk's ext4 partition.
 */
export async function makeBootDisk(image: string, sizeBytes: number): Promise<void> {
  const files = `${image}.files`;
  await mkdir(files);
  await copyFile(qemuGuest.kernel, `${files}/vmlinuz`);
  await copyFile(qemuGuest.initramfs.files, `${files}/initramfs`);
  await writeFile(
    `${files}/grub.cfg`,
    `serial --unit=1
     terminal_input serial
     terminal_output serial
     echo GRUB is up
     read line
     linux /vmlinuz console=ttyS0 quiet panic=-1 agent=/dev/vport0p1
     initrd /initramfs
     boot\n`,
  );

  await writeFile(image, '');
  await truncate(image, sizeBytes);
  const offset = partitionStart * sectorBytes;
  await run('mkfs.ext4', [
    ...['-q', '-E', `offset=${offset}`, '-d', files, image],
    `${(sizeBytes - offset) / 1024}k`,
  ]);
  await rm(files, { recursive: true });

  const disk = await open(image, 'r+');
  await disk.write(await masterBootRecord(sizeBytes / sectorBytes - partitionStart), 0, null, 0);
  // GRUB's first sector looks for the rest of it in the sectors that follow, unless told otherwise.
  await disk.write(await readFile(grub.core), 0, null, sectorBytes);
  await disk.close();
}

/** GRUB's first sector with a table of one active partition. */
async function masterBootRecord(partitionSectors: number): Promise<Buffer> {
  const sector = await readFile(grub.boot);
  // GRUB has code for floppy disks where the table goes.
  sector.fill(0, tableOffset, sectorBytes - 2);
  sector.writeUInt8(activeFlag, tableOffset);
  sector.writeUInt8(linuxPartition, tableOffset + 4);
  sector.writeUInt32LE(partitionStart, tableOffset + 8);
  sector.writeUInt32LE(partitionSectors, tableOffset + 12);
  sector.writeUInt16LE(0xaa55, sectorBytes - 2);
  return sector;
}
