/** Shell scripts for a guest that is interrupted while its disk /dev/vda of 64 MiB is at work. */

const noteBlock = 63 * 256;

/** Puts a line on the disk where `startLoad` leaves it alone, with nothing cached. */
export function writeNote(text: string): string {
  return `echo '${text}' | dd of=/dev/vda bs=4k seek=${noteBlock} conv=sync oflag=direct`;
}

export const readNote = `
  dd if=/dev/vda bs=4k skip=${noteBlock} count=1 iflag=direct 2>/dev/null | head -n 1`;

/** Writes and reads until the guest ends; comes back when requests are in flight. */
export const startLoad = `
  (while :; do dd if=/dev/urandom of=/dev/vda bs=64k count=32 oflag=direct; done) 2>/dev/null &
  (while :; do dd if=/dev/vda of=/dev/null bs=4k count=512 iflag=direct; done) 2>/dev/null &
  until [ "$(awk '{print $9}' /sys/block/vda/stat)" != 0 ]; do :; done`;
