/** The file scenario, as shell scripts for a guest. */
export interface FileScripts {
  /** `mib` MiB in files of 16 MiB (half), 1 MiB and 256 KiB; their checksums go to /run/sums. */
  make(mib: number): string;
  /** Reads everything from the disk again: unmounting has emptied the page cache. */
  check: string;
  /** Deletes the large half of the files and trims what they took. */
  trimLarge: string;
}

/** For a guest that knows the disk as `disk`; it is mounted at /mnt meanwhile. */
export function filesOn(disk: string): FileScripts {
  return {
    make: (mib) => {
      const [large, medium, small] = [mib / 32, mib / 4, mib];
      return `
  set -e
  mkfs.ext4 -q -F ${disk}
  mount ${disk} /mnt
  mkdir /mnt/large /mnt/medium /mnt/small
  file() { dd if=/dev/urandom of=/mnt/$1/$2 bs=$3 count=$4 2>/dev/null; }
  for i in $(seq ${large}); do file large $i 1M 16; done
  for i in $(seq ${medium}); do file medium $i 1M 1; done
  for i in $(seq ${small}); do file small $i 256k 1; done
  cd /mnt && find . -type f -exec sha256sum {} + >/run/sums
  [ $(wc -l </run/sums) = ${large + medium + small} ]
  cd / && umount /mnt`;
    },
    check: `
  set -e
  mount ${disk} /mnt
  cd /mnt && sha256sum -c -s /run/sums && cd /
  umount /mnt`,
    trimLarge: `
  set -e
  mount ${disk} /mnt
  rm -r /mnt/large
  sed -i '\\,/large/,d' /run/sums
  sync
  fstrim /mnt
  umount /mnt`,
  };
}
