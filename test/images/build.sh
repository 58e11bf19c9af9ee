#!/bin/sh
# build.sh [IMAGE...]
#
# Makes what the interop tests run, from Debian packages, under .cache/images of this checkout:
# the first four of the images below, or those named. One that is there is made again only when a
# file that makes it has changed.
#
#   trixie      tree with QEMU 10, libvirt's QEMU driver, libblkio, fio, GRUB, user-mode Linux,
#               sg3-utils, fence_scsi, iscsi-test-cu
#   qemu-guest  Debian 12's kernel and initramfs's for guests of QEMU
#   uml-guest   initramfs's for user-mode Linux
#   grub        GRUB's boot.img and core.img, which reads /grub.cfg of the first partition
#   qemu-11     tree with QEMU 11
#   lab-root    packed root of a lab machine, a multipath host: multipathd, LIO, iSCSI, NVMe, Node.js,
#               sg3-utils, fence_scsi, fence_mpath, QEMU 10 with qemu-pr-helper, user-mode Linux with
#               an initramfs
#   lab-kernel-6.1, lab-kernel-6.12, lab-kernel-7
#               Debian's kernel for it, newest of that line, with an initramfs and packed modules
#   libvhost-user
#               vhost-user-blk of Debian 12's QEMU source, a back end on QEMU's libvhost-user
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
  compile_python "$1"
}

# Emulated processors compile Python for minutes. A file's time may not outlast an initramfs.
compile_python() { # TREE
  "$here/enter.sh" "$1" python3 -m compileall -q --invalidation-mode unchecked-hash \
    /usr/lib/python3.13 /usr/lib/python3 /usr/share/fence
}

file_systems='/usr/sbin/mkfs.ext4 /usr/sbin/e2fsck /usr/sbin/resize2fs'
# What a node of a cluster has: fence_scsi of Debian as it is, with all that it calls.
clustering='/usr/bin/sg_persist /usr/bin/sg_turs /usr/bin/sg_inq /usr/bin/sg_vpd /usr/bin/sg_readcap
  /usr/bin/sg_luns /usr/bin/sg_raw /usr/bin/sg_opcodes /usr/bin/sg_requests /usr/bin/sg_modes
  /usr/bin/sg_reset /usr/sbin/fence_scsi /usr/share/fence /usr/share/cluster
  /usr/bin/python3 /usr/lib/python3.13 /usr/lib/python3'

guest_initramfs() { # OUTPUT MODULES 'MODULE...' PATH...
  output=$1
  shift
  "$here/initramfs.sh" "$output" "$here/guest-init" "$images/trixie" "$@"
}

make_qemu_guest() { # DEST
  "$here/debian-tree.sh" --alone "$1/tree" bookworm 'linux-image-6\.1\.0-[0-9]*-cloud-amd64'
  version=$(ls "$1/tree/lib/modules")
  mv "$1/tree/boot/vmlinuz-$version" "$1/vmlinuz"
  modules="$1/tree/lib/modules/$version"
  drivers='virtio_pci virtio_console virtio_blk virtio_scsi sd_mod sg'
  # shellcheck disable=SC2086  # lists of paths
  {
    guest_initramfs "$1/initramfs" "$modules" "$drivers" $file_systems
    guest_initramfs "$1/cluster-initramfs" "$modules" "$drivers" $file_systems $clustering
  }
  rm -r "$1/tree"
}

make_uml_guest() { # DEST
  modules=$(echo "$images"/trixie/usr/lib/uml/modules/*)
  drivers='virtio_blk virtio_scsi sd_mod sg'
  # shellcheck disable=SC2086  # lists of paths
  {
    guest_initramfs "$1/initramfs" "$modules" "$drivers" $file_systems /usr/bin/fio
    guest_initramfs "$1/cluster-initramfs" "$modules" "$drivers dm-multipath dm-service-time" \
      $file_systems $clustering
  }
  guest_initramfs "$1/iscsi-initramfs" "$modules" \
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

make_lab_root() { # DEST
  tree=$1/tree
  "$here/debian-tree.sh" --alone "$tree" trixie base-files
  "$here/debian-tree.sh" "$tree" trixie base-passwd bash coreutils dash findutils grep gzip mawk \
    procps sed tar util-linux mount busybox-static e2fsprogs fio iproute2 iputils-ping kmod nftables \
    strace udev multipath-tools open-iscsi nvme-cli nodejs fence-agents-scsi fence-agents-mpath \
    qemu-system-common qemu-system-x86
  # As in trixie above; and the library that an addon built on Debian 12 asks for.
  "$here/debian-tree.sh" --alone "$tree" bookworm sg3-utils 'libsgutils2-[0-9.]*-2' libaio1
  cp "$images/trixie/usr/bin/linux.uml" "$tree/usr/bin"

  mkdir -p "$tree/usr/lib/lab" "$tree/etc/target/pr" "$tree/lab"
  cp "$here/lab/init" "$images/uml-guest/cluster-initramfs" "$tree/usr/lib/lab"
  cp "$here/agent" "$tree/usr/bin"
  # What maintainer scripts would have added.
  [ -e "$tree/usr/bin/sh" ] || ln -s dash "$tree/usr/bin/sh"
  ln -sf mawk "$tree/usr/bin/awk"
  for list in passwd group; do
    cp "$tree/usr/share/base-passwd/$list.master" "$tree/etc/$list"
  done
  echo 'holdfast:x:1000:1000::/tmp:/bin/sh' >>"$tree/etc/passwd"
  echo 'holdfast:x:1000:' >>"$tree/etc/group"
  compile_python "$tree"

  (cd "$tree/usr/share" && rm -rf doc info i18n locale man nodejs/corepack)
  mkfs.erofs -zlz4 "$1/root.erofs" "$tree" >/dev/null
  rm -r "$tree"
}

# libcrc32c of Linux until 6.12 doesn't load without the first.
lab_boot_modules='crc32c_generic virtio_pci virtio_blk erofs overlay'
lab_modules='virtio_console virtio_net configfs loop ext4 brd
  scsi_mod sd_mod sg scsi_debug scsi_dh_alua
  dm-mod dm-multipath dm-service-time dm-round-robin dm-queue-length dm-delay dm-flakey
  target_core_mod target_core_file target_core_iblock target_core_pscsi tcm_loop
  iscsi_target_mod iscsi_tcp nf_tables
  nvme nvme-core nvme-fabrics nvme-loop nvme-tcp nvmet nvmet-tcp
  crc32c_generic crc32c-intel crct10dif_generic crct10dif-pclmul crc-t10dif'

make_lab_kernel() { # DEST SUITE PACKAGE...
  dest=$1 suite=$2
  shift 2
  "$here/debian-tree.sh" --alone "$dest/tree" "$suite" "$@"
  modules=$(find "$dest/tree" -path '*/lib/modules/*' -prune -type d)
  mv "$(find "$dest/tree" -name 'vmlinuz*' -type f)" "$dest/vmlinuz"
  "$here/initramfs.sh" "$dest/initramfs" "$here/lab/initramfs-init" "$images/trixie" "$modules" \
    "$lab_boot_modules"
  "$here/modules.sh" "$dest/modules" "$modules" "$images/trixie/usr/bin/busybox" "$lab_modules" \
    >/dev/null
  # Where the packed root has its /lib.
  mkdir "$dest/modules/usr"
  mv "$dest/modules/lib" "$dest/modules/usr"
  mkfs.erofs -zlz4 "$dest/modules.erofs" "$dest/modules" >/dev/null
  rm -r "$dest/tree" "$dest/modules"
}

make_lab_kernel_6_1() { # DEST
  make_lab_kernel "$1" bookworm 'linux-image-6\.1\.0-[0-9]*-amd64'
}

make_lab_kernel_6_12() { # DEST
  make_lab_kernel "$1" trixie 'linux-image-6\.12\.[0-9]*+deb13-amd64'
}

make_lab_kernel_7() { # DEST
  make_lab_kernel "$1" trixie-backports 'linux-binary-7\.[0-9.]*+deb13-amd64' \
    'linux-modules-7\.[0-9.]*+deb13-amd64'
}

# AddressSanitizer's, so that what leaves its own memory ends there and not some time later. QEMU's
# configuration is empty but for what this one program needs.
make_libvhost_user() { # DEST
  source=$1/source glib=$1/glib
  "$here/debian-tree.sh" --source "$source" bookworm qemu
  "$here/debian-tree.sh" --alone "$glib" bookworm libglib2.0-dev libpcre2-dev

  mkdir "$1/configuration"
  touch "$1/configuration/config-host.h" "$1/configuration/config-poison.h"
  libraries=$glib/usr/lib/x86_64-linux-gnu
  (cd "$source" && clang-19 -O1 -g -w -fsanitize=address -D_GNU_SOURCE -DCONFIG_LINUX -DCONFIG_POSIX \
    -DCONFIG_IOVEC -I "$1/configuration" -I . -I include -I subprojects/libvhost-user \
    -isystem linux-headers -I "$glib/usr/include/glib-2.0" -I "$libraries/glib-2.0/include" \
    contrib/vhost-user-blk/vhost-user-blk.c subprojects/libvhost-user/libvhost-user.c \
    subprojects/libvhost-user/libvhost-user-glib.c \
    "$libraries/libglib-2.0.a" "$libraries/libpcre2-8.a" -lpthread -o "$1/vhost-user-blk")
  rm -r "$source" "$glib" "$1/configuration"
}

recipe_of() { # IMAGE
  case $1 in
    lab-*) find "$here" -type f -print0 ;;
    *) find "$here" -maxdepth 1 -type f -print0 ;;
  esac | sort -z | xargs -0 cat | sha256sum
}

mkdir -p "$images"
exec 9>"$images/lock"
flock 9

for image in ${*:-trixie qemu-guest uml-guest grub}; do
  recipe=$(recipe_of "$image")
  made_by=$(cat "$images/$image/.recipe" 2>/dev/null || true)
  [ "$made_by" != "$recipe" ] || continue
  echo "making test image $image" >&2
  rm -rf "$images/$image" "$images/$image.new"
  mkdir "$images/$image.new"
  "make_$(echo "$image" | tr .- __)" "$images/$image.new"
  echo "$recipe" >"$images/$image.new/.recipe"
  mv "$images/$image.new" "$images/$image"
done
