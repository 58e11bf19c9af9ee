/** Hex digits with any spacing, as the standards' tables are copied down. */
export function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
}

/** The reverse, in groups of four bytes, for readable differences. */
export function groups(data: Uint8Array): string {
  return Buffer.from(data)
    .toString('hex')
    .replaceAll(/(.{8})(?=.)/g, '$1 ');
}
