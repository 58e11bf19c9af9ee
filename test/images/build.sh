#!/bin/sh
# build.sh [IMAGE...]
#
# Makes what the interop tests run, from Debian packages, under .cache/images of this checkout:
# every image below but qemu-11, or those named. One that is there is made again only when a file
# of this directory has changed.
#
#   trixie      tree with QEMU 10, libvirt's QEMU driver, libblkio, fio, GRUB, user-mode Linux,
#               sg3-utils, fence_scsi, iscsi-test-cu
#   qemu-guest  Debian 12's kernel and initramfs's for guests of QEMU
#   uml-guest   initramfs's for user-mode Linux
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
    libblkio-dev busybox-static e2fsprogs fio grub-pc-bin sg3-utils fence-agents-scsi \
    libiscsi-bin
  # Trixie's own user-mode Linux panics on processors with AMX; testing's runs with trixie's libc.
  "$here/debian-tree.sh" --alone "$1" testing user-mode-linux
  # Trixie's own sg_turs sends nothing (Debian bug 1118528), so fence_scsi trips over the first unit
  # attention, whatever the disk.
  "$here/debian-tree.sh" --alone "$1" bookworm sg3-utils 'libsgutils2-[0-9.]*-2'
  # What the maintainer scripts of libvirt would have added.
  echo 'root:x:0:0::/root:/bin/sh
libvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false' >"$1/etc/passwd"
  echo 'root:x:0:
libvirt-qemu:x:64055:' >"$1/etc/group"
  # Emulated processors compile Python for minutes. A file's time may not outlast an initramfs.
  "$here/enter.sh" "$1" python3 -m compileall -q --invalidation-mode unchecked-hash \
    /usr/lib/python3.13 /usr/lib/python3 /usr/share/fence
}

file_systems='/usr/sbin/mkfs.ext4 /usr/sbin/e2fsck /usr/sbin/resize2fs'
# What a node of a cluster has: fence_scsi of Debian as it is, with all that it calls.
clustering='/usr/bin/sg_persist /usr/bin/sg_turs /usr/bin/sg_inq /usr/bin/sg_vpd /usr/bin/sg_readcap
  /usr/bin/sg_luns /usr/bin/sg_raw /usr/bin/sg_opcodes /usr/bin/sg_requests /usr/bin/sg_modes
  /usr/bin/sg_reset /usr/sbin/fence_scsi /usr/share/fence /usr/share/cluster
  /usr/bin/python3 /usr/lib/python3.13 /usr/lib/python3'

make_qemu_guest() { # DEST
  "$here/debian-tree.sh" --alone "$1/tree" bookworm 'linux-image-6\.1\.0-[0-9]*-cloud-amd64'
  version=$(ls "$1/tree/lib/modules")
  mv "$1/tree/boot/vmlinuz-$version" "$1/vmlinuz"
  modules="$1/tree/lib/modules/$version"
  drivers='virtio_pci virtio_console virtio_blk virtio_scsi sd_mod sg'
  # shellcheck disable=SC2086  # lists of paths
  {
    "$here/initramfs.sh" "$1/initramfs" "$images/trixie" "$modules" "$drivers" $file_systems
    "$here/initramfs.sh" "$1/cluster-initramfs" "$images/trixie" "$modules" "$drivers" \
      $file_systems $clustering
  }
  rm -r "$1/tree"
}

make_uml_guest() { # DEST
  modules=$(echo "$images"/trixie/usr/lib/uml/modules/*)
  drivers='virtio_blk virtio_scsi sd_mod sg'
  # shellcheck disable=SC2086  # lists of paths
  {
    "$here/initramfs.sh" "$1/initramfs" "$images/trixie" "$modules" "$drivers" \
      $file_systems /usr/bin/fio
    "$here/initramfs.sh" "$1/cluster-initramfs" "$images/trixie" "$modules" "$drivers" \
      $file_systems $clustering
  }
  "$here/initramfs.sh" "$1/iscsi-initramfs" "$images/trixie" "$modules" \
    "$drivers target_core_pscsi iscsi_target_mod" /usr/bin/iscsi-test-cu
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
