# Runs in a guest of a lab machine: makes a multipath map of its disk with the machine's own programs,
# whose root it sees, as /host. Expects the key of this node in $key.
# shellcheck shell=sh disable=SC2154
set -e

# wait_for 'CONDITION': tries for minutes; fails with multipathd's log.
wait_for() {
  for _ in $(seq 120); do
    if eval "$1" >/dev/null 2>&1; then return; fi
    sleep 1
  done
  echo "never: $1"
  cat /run/multipathd.log
  return 1
}

mkdir /host
mount -t hostfs -o / none /host
for directory in dev proc sys run tmp; do mount -o bind /$directory /host/$directory; done
mount -o bind /run /host/var/run
mount -t tmpfs none /host/etc/multipath
cat >/run/multipath.conf <<END
defaults {
  user_friendly_names yes
  find_multipaths no
  polling_interval 1
  max_polling_interval 1
  skip_kpartx yes
  reservation_key 0x$key
}
END
mount -o bind /run/multipath.conf /host/etc/multipath.conf
# udevadm does nothing in a chroot otherwise.
export SYSTEMD_IGNORE_CHROOT=1
chroot /host /usr/lib/systemd/systemd-udevd --daemon
chroot /host udevadm trigger --subsystem-match=block --settle
setsid chroot /host multipathd -d -s >/run/multipathd.log 2>&1 &
wait_for 'chroot /host multipathd show paths format %T | grep ready'
wait_for '[ -b /dev/mapper/mpatha ]'
