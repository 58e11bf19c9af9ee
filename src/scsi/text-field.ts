/** Text as parameter data carries it (SPC-4 §4.3.1): graphic ASCII, left-aligned. */

/** Characters other than 20h to 7Eh become question marks. @param lengthMax bytes kept */
export function asciiField(text: string, lengthMax: number): Buffer {
  return Buffer.from(text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, lengthMax), 'ascii');
}

/** The same, padded with spaces to `length` bytes. */
export function paddedAsciiField(text: string, length: number): Buffer {
  return asciiField(text.padEnd(length), length);
}
