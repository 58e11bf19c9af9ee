#!/bin/sh
# initramfs.sh OUTPUT INIT TREE MODULES 'MODULE...' PATH...
#
# Makes an initramfs: the script INIT as the first process, the agent, busybox and the PATHs inside
# TREE, files or directories, with the libraries that programs and extension modules among them need,
# all taken from TREE, and kernel modules out of MODULES: see modules.sh.
set -eu

output=$1 init=$2 tree=$(realpath "$3") modules=$4 drivers=$5
shift 5
here=$(dirname "$(realpath "$0")")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

busybox=$tree/usr/bin/busybox
mkdir -p "$root/bin" "$root/dev" "$root/etc" "$root/mnt" "$root/proc" "$root/run" "$root/sys" \
  "$root/tmp"
cp "$init" "$root/init"
cp "$here/agent" "$root/bin/agent"
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

"$here/modules.sh" "$root" "$modules" "$busybox" "$drivers" >"$root/etc/modules"

(cd "$root" && find . | "$busybox" cpio -o -H newc) >"$output"
