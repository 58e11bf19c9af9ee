/** The file scenario: shell scripts for a guest whose disk is /dev/vda, mounted at /mnt. */

/** 256 MiB in files of 16 MiB, 1 MiB and 256 KiB; their checksums go to /run/sums. */
export const makeFiles = `
  set -e
  mkfs.ext4 -q -F /dev/vda
  mount /dev/vda /mnt
  mkdir /mnt/large /mnt/medium /mnt/small
  for i in $(seq 8); do dd if=/dev/urandom of=/mnt/large/$i bs=1M count=16 2>/dev/null; done
  for i in $(seq 64); do dd if=/dev/urandom of=/mnt/medium/$i bs=1M count=1 2>/dev/null; done
  for i in $(seq 256); do dd if=/dev/urandom of=/mnt/small/$i bs=256k count=1 2>/dev/null; done
  cd /mnt && find . -type f -exec sha256sum {} + >/run/sums
  [ $(wc -l </run/sums) = 328 ]
  cd / && umount /mnt`;

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
