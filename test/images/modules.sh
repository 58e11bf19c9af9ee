#!/bin/sh
# modules.sh DEST MODULES BUSYBOX 'MODULE...'
#
# Adds kernel modules and what they depend on to DEST/lib/modules, uncompressed, with modprobe's
# tables, and prints which of those named were added. They come out of MODULES, the directory named
# after the kernel's version. What has no file there is taken for built in.
set -eu
export LC_ALL=C

dest=$1 modules=$2 busybox=$3 named=$4
version=$(basename "$modules")
target=$dest/lib/modules/$version
mkdir -p "$target"
all=$(cd "$modules" && find . -name '*.ko' -o -name '*.ko.xz')

file_of() { # MODULE, whose name may have _ where its file's has -
  name=$(echo "$1" | sed 's/[-_]/[-_]/g')
  echo "$all" | grep -m1 "/$name\.ko\(\.xz\)\{0,1\}$"
}

wanted=$named
while [ -n "$wanted" ]; do
  dependencies=
  for module in $wanted; do
    file=$(file_of "$module") || continue
    copy=$target/${file%.xz}
    [ ! -e "$copy" ] || continue
    mkdir -p "$(dirname "$copy")"
    case $file in
      *.xz) xz --decompress --stdout "$modules/$file" >"$copy" ;;
      *) cp "$modules/$file" "$copy" ;;
    esac
    # A module says so in its section .modinfo, where each string ends with a zero byte.
    depends=$(tr '\0' '\n' <"$copy" | sed -n 's/^depends=//p' | tr , ' ')
    dependencies="$dependencies $depends"
  done
  wanted=${dependencies# }
done

for list in modules.builtin modules.builtin.modinfo modules.order; do
  [ ! -e "$modules/$list" ] || cp "$modules/$list" "$target"
done
"$busybox" depmod -b "$dest" "$version"

for module in $named; do
  if file_of "$module" >/dev/null; then echo "$module"; fi
done
