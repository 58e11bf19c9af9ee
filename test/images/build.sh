#!/bin/sh
# build.sh [IMAGE...]
#
# Makes what the interop tests run, from Debian packages, under .cache/images of this checkout:
# every image below but qemu-11, or those named. One that is there is made again only when a file
# of this directory has changed.
#
#   trixie      tree with QEMU 10, libvirt's QEMU driver, libblkio, fio, GRUB, user-mode Linux
#   qemu-guest  Debian 12's kernel and an initramfs for guests of QEMU
#   uml-guest   initramfs, with fio, for user-mode Linux
#   grub        GRUB's boot.img and core.img, which reads /grub.cfg of the first partition
#   qemu-11     tree with QEMU 11
set -eu

here=$(dirname "$(realpath "$0")")
images=$(realpath -m "$here/../../.cache/images")
export HOLDFAST_APT="$images/apt"

make_trixie() { # DEST
  # base-files alone and first: it makes /lib and its like the links into /usr that all rely on.
  "$here/debian-tree.sh" --alone "$1" trixie base-files
  "$here/debian-tree.sh" "$1" trixie qemu-system-x86 libvirt-daemon-driver-qemu libvirt-clients \
    libblkio-dev busybox-static e2fsprogs fio grub-pc-bin
  # Trixie's own user-mode Linux panics on processors with AMX; testing's runs with trixie's libc.
  "$here/debian-tree.sh" --alone "$1" testing user-mode-linux
  # What the maintainer scripts of libvirt would have added.
  echo 'root:x:0:0::/root:/bin/sh
libvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false' >"$1/etc/passwd"
  echo 'root:x:0:
libvirt-qemu:x:64055:' >"$1/etc/group"
}

make_qemu_guest() { # DEST
  "$here/debian-tree.sh" --alone "$1/tree" bookworm 'linux-image-6\.1\.0-[0-9]*-cloud-amd64'
  version=$(ls "$1/tree/lib/modules")
  mv "$1/tree/boot/vmlinuz-$version" "$1/vmlinuz"
  "$here/initramfs.sh" "$1/initramfs" "$images/trixie" "$1/tree/lib/modules/$version" \
    'virtio_pci virtio_console virtio_blk' \
    /usr/sbin/mkfs.ext4 /usr/sbin/e2fsck /usr/sbin/resize2fs
  rm -r "$1/tree"
}

make_uml_guest() { # DEST
  "$here/initramfs.sh" "$1/initramfs" "$images/trixie" "$images"/trixie/usr/lib/uml/modules/* \
    virtio_blk /usr/sbin/mkfs.ext4 /usr/sbin/e2fsck /usr/sbin/resize2fs /usr/bin/fio
}

make_grub() { # DEST
  modules=/usr/lib/grub/i386-pc
  cp "$images/trixie$modules/boot.img" "$1"
  echo 'root=(hd0,msdos1)
configfile /grub.cfg' >"$1/core.cfg"
  "$here/enter.sh" "$images/trixie" grub-mkimage --format i386-pc --directory $modules \
    --prefix / --config "$1/core.cfg" --output "$1/core.img" \
    biosdisk part_msdos ext2 configfile serial terminal echo read linux
}

make_qemu_11() { # DEST
  "$here/debian-tree.sh" --alone "$1" trixie base-files
  "$here/debian-tree.sh" "$1" trixie,trixie-backports qemu-system-x86
}

mkdir -p "$images"
exec 9>"$images/lock"
flock 9

recipe=$(cat "$here"/* | sha256sum)
for image in ${*:-trixie qemu-guest uml-guest grub}; do
  made_by=$(cat "$images/$image/.recipe" 2>/dev/null || true)
  [ "$made_by" != "$recipe" ] || continue
  echo "making test image $image" >&2
  rm -rf "$images/$image" "$images/$image.new"
  mkdir "$images/$image.new"
  "make_$(echo "$image" | tr - _)" "$images/$image.new"
  echo "$recipe" >"$images/$image.new/.recipe"
  mv "$images/$image.new" "$images/$image"
done
