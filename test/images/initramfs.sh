#!/bin/sh
# initramfs.sh OUTPUT TREE MODULES 'MODULE...' PATH...
#
# Makes a guest's initramfs: guest-init, busybox and the PATHs inside TREE, files or directories,
# with the libraries that programs and extension modules among them need, all taken from TREE, and
# the kernel modules with what they depend on, out of MODULES, the directory named after the
# kernel's version.
set -eu

output=$1 tree=$(realpath "$2") modules=$3 drivers=$4
shift 4
version=$(basename "$modules")
here=$(dirname "$(realpath "$0")")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

busybox=$tree/usr/bin/busybox
mkdir -p "$root/bin" "$root/dev" "$root/etc" "$root/mnt" "$root/proc" "$root/run" "$root/sys" \
  "$root/tmp" "$root/lib/modules/$version"
cp "$here/guest-init" "$root/init"
cp "$busybox" "$root/bin/busybox"
"$busybox" --list | while read -r applet; do
  [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done

libraries=$tree/usr/lib/x86_64-linux-gnu
loader=/lib64/ld-linux-x86-64.so.2
for path in "$@"; do
  mkdir -p "$root$(dirname "$path")"
  # What is named is copied even if it is a link, the links inside a directory stay links.
  cp -rH "$tree$path" "$root$path"
done
install -D "$tree$loader" "$root$loader"
for path in "$@"; do
  find "$root$path" -type f '(' -executable -o -name '*.so' ')'
done | while read -r file; do
  [ "$(head -c 4 "$file" | tail -c 3)" = ELF ] || continue
  "$tree$loader" --library-path "$libraries:$libraries/ceph" --list "$file" |
    awk '$2 == "=>" && $3 ~ /^\// && $1 !~ /^\// { print $3 }'
done | sort -u | while read -r library; do
  install -D "$library" "$root/usr/lib/x86_64-linux-gnu/$(basename "$library")"
done

# depmod needs the layout that modprobe sees: BASE/lib/modules/VERSION.
all=$(mktemp -d)
trap 'rm -rf "$root" "$all"' EXIT
mkdir -p "$all/lib/modules"
cp -r "$modules" "$all/lib/modules/$version"
"$busybox" depmod -b "$all" "$version"
for driver in $drivers; do
  echo "$driver"
  sed -n "s,^\(.*/$driver\.ko[.a-z]*\):\(.*\),\1\2,p" "$all/lib/modules/$version/modules.dep" |
    tr ' ' '\n' | while read -r module; do
      install -D "$all/lib/modules/$version/$module" "$root/lib/modules/$version/$module"
    done
done >"$root/etc/modules"
"$busybox" depmod -b "$root" "$version"

(cd "$root" && find . | "$busybox" cpio -o -H newc) >"$output"
