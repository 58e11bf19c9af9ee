/** The file scenario: shell scripts for a guest whose disk is /dev/vda, mounted at /mnt. */

/** `mib` MiB in files of 16 MiB (half), 1 MiB and 256 KiB; their checksums go to /run/sums. */
export function makeFiles(mib: number): string {
  const [large, medium, small] = [mib / 32, mib / 4, mib];
  return `
  set -e
  mkfs.ext4 -q -F /dev/vda
  mount /dev/vda /mnt
  mkdir /mnt/large /mnt/medium /mnt/small
  file() { dd if=/dev/urandom of=/mnt/$1/$2 bs=$3 count=$4 2>/dev/null; }
  for i in $(seq ${large}); do file large $i 1M 16; done
  for i in $(seq ${medium}); do file medium $i 1M 1; done
  for i in $(seq ${small}); do file small $i 256k 1; done
  cd /mnt && find . -type f -exec sha256sum {} + >/run/sums
  [ $(wc -l </run/sums) = ${large + medium + small} ]
  cd / && umount /mnt`;
}

/** Reads everything from the disk again: unmounting has emptied the page cache. */
export const checkFiles = `
  set -e
  mount /dev/vda /mnt
  cd /mnt && sha256sum -c -s /run/sums && cd /
  umount /mnt`;

/** Deletes the large half of the files and trims what they took. */
export const trimLargeFiles = `
  set -e
  mount /dev/vda /mnt
  rm -r /mnt/large
  sed -i '\\,/large/,d' /run/sums
  sync
  fstrim /mnt
  umount /mnt`;
