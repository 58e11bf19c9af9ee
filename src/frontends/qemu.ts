/** How a QEMU guest is attached to a served disk. */

/** `,` separates the properties of a QEMU option; doubled, it is part of a value. */
function escapeValue(value: string): string {
  return value.replaceAll(',', ',,');
}

/** Quotes a word for a POSIX shell where that is needed. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** QEMU's name of a vhost-user device type. */
export type VhostUserDevice = 'blk' | 'scsi';

/** Appended to the chardev so that it connects again after the back end was restarted. */
export const reconnectOptions = {
  /** QEMU up to 10, seconds. */
  untilQemu10: 'reconnect=1',
  /** QEMU from 11 on, which no longer has `reconnect`; milliseconds. */
  fromQemu11: 'reconnect-ms=1000',
} as const;

/**
 * Arguments of qemu-system-* that attach the disk at `socketPath`. The guest's memory must be
 * shared, or the back end can't reach it: that is what the memory backend is for.
 */
export function qemuArguments(
  socketPath: string,
  device: VhostUserDevice,
): [option: string, value: string][] {
  return [
    ['-object', 'memory-backend-memfd,id=mem,size=1G,share=on'],
    ['-machine', 'q35,memory-backend=mem'],
    ['-m', '1G'],
    ['-chardev', `socket,id=disk,path=${escapeValue(socketPath)}`],
    ['-device', `vhost-user-${device}-pci,chardev=disk`],
  ];
}

/** The same as lines for a shell, with how to reconnect in each QEMU's spelling. */
export function qemuLines(socketPath: string, device: VhostUserDevice): string {
  const lines = qemuArguments(socketPath, device).map(
    ([option, value]) => `${option} ${shellWord(value)}`,
  );
  const { untilQemu10, fromQemu11 } = reconnectOptions;
  return [
    `Attach a guest with these arguments (the three of the memory once per guest, size as you like):`,
    '',
    `  qemu-system-x86_64 ${lines.join(' \\\n    ')}`,
    '',
    'To connect again after the back end was restarted, add to the chardev',
    `  ,${untilQemu10}  (QEMU up to 10)`,
    `  ,${fromQemu11}  (QEMU from 11 on)`,
  ].join('\n');
}
