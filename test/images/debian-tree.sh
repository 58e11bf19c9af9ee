#!/bin/sh
# debian-tree.sh [--alone] DEST SUITES PACKAGE...
#
# Unpacks Debian packages aside: downloads them with their dependencies, without recommends, and
# adds their files to the tree DEST. With --alone the dependencies stay away and each PACKAGE is a
# regular expression that stands for the newest name that matches. No maintainer script runs and
# this machine's own apt is left alone. SUITES is comma-separated, the last one preferred. Lists
# and settings of apt stay in the directory $HOLDFAST_APT.
set -eu

alone=
[ "$1" != --alone ] || { alone=1; shift; }
dest=$1 suites=$2
shift 2

# The mirror is the one that this machine's own sources name.
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -m1 '/debian/*$')

state=$HOLDFAST_APT/$suites
mkdir -p "$state/etc/sources.list.d" "$state/etc/preferences.d" "$state/etc/apt.conf.d" \
  "$state/state/lists/partial" "$state/cache/archives/partial"
: >"$state/state/status"
for suite in $(echo "$suites" | tr , ' '); do
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done >"$state/etc/sources.list"

# Mirrors keep old Release files of testing and backports past their date.
apt() {
  command=$1
  shift
  "$command" -qq -o Dir::Etc="$state/etc" -o Dir::State="$state/state" \
    -o Dir::State::status="$state/state/status" -o Dir::Cache="$state/cache" \
    -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Acquire::Languages=none \
    -o Acquire::Check-Valid-Until=false "$@"
}

apt apt-get update >&2
archives=$state/cache/archives
if [ -n "$alone" ]; then
  for package in "$@"; do
    newest=$(apt apt-cache pkgnames | grep -x "$package" | sort -V | tail -n 1)
    (cd "$archives" && apt apt-get download "$newest" >&2)
  done
else
  apt apt-get install --yes --download-only --target-release "${suites##*,}" "$@" >&2
fi

mkdir -p "$dest"
for package in "$archives"/*.deb; do
  # --keep-directory-symlink: /lib stays the link to /usr/lib that base-files makes.
  dpkg-deb --fsys-tarfile "$package" | tar -C "$dest" --keep-directory-symlink -xf -
done
rm -f "$archives"/*.deb
