#!/bin/sh
# debian-tree.sh [--alone | --source] DEST SUITES PACKAGE...
#
# Unpacks Debian packages aside: downloads them with their dependencies, without recommends, and
# adds their files to the tree DEST. With --alone the dependencies stay away and each PACKAGE is a
# regular expression that stands for the newest name that matches. With --source there is one
# PACKAGE, whose source as Debian builds it becomes DEST. No maintainer script runs and this
# machine's own apt is left alone. SUITES is comma-separated, the last one preferred. Lists and
# settings of apt stay in the directory $HOLDFAST_APT.
set -eu

what='' kind=deb
case $1 in
  --alone) what=$1 && shift ;;
  --source) what=$1 kind=deb-src && shift ;;
esac
dest=$1 suites=$2
shift 2

# The mirror is the one that this machine's own sources name.
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI)' 'Created-By: Packages' |
  grep -m1 '/debian/*$') || {
  echo "no Debian archive in this machine's apt sources" >&2
  exit 1
}

state=$HOLDFAST_APT/$suites${kind#deb}
mkdir -p "$state/lists/partial" "$state/archives/partial"
: >"$state/status"
for suite in $(echo "$suites" | tr , ' '); do
  echo "$kind [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
done >"$state/sources.list"

# The machine's own settings but for sources and preferences, so its proxy counts. Mirrors keep old
# Release files of testing and backports past their date.
apt() {
  command=$1
  shift
  "$command" -qq -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state" \
    -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Acquire::Languages=none \
    -o Acquire::Check-Valid-Until=false "$@"
}

apt apt-get update >&2
archives=$state/archives
if [ "$what" = --source ]; then
  (cd "$archives" && apt apt-get source --download-only "$@" >&2)
  dpkg-source --no-check --no-copy --extract "$archives"/*.dsc "$dest" >/dev/null
  rm -f "$archives"/*.dsc "$archives"/*.tar.*
  exit
fi
if [ "$what" = --alone ]; then
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
