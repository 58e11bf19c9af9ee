# dm-multipath and multipathd.
# shellcheck shell=sh

map=/dev/mapper/mpatha

# start_multipathd NODE...: makes the map of the unit's paths but for those nodes, which stand for
# another host's.
start_multipathd() {
  modprobe -a dm-multipath dm-service-time scsi_dh_alua
  multipath_excluded=
  for node in "$@"; do
    multipath_excluded="$multipath_excluded devnode \"^$(basename "$(realpath "$node")")\$\"
"
  done
  write_multipath_conf
  spawn multipathd multipathd -d -s
  wait_for "[ -b $map ] && [ \$(ready_paths) = 2 ]"
}

# multipath.conf takes one keyword a line.
write_multipath_conf() {
  cat >/etc/multipath.conf <<END
defaults {
  find_multipaths no
  user_friendly_names yes
  polling_interval 1
  max_polling_interval 1
  skip_kpartx yes
  ${multipath_defaults:-}
}
devices {
  device {
    vendor "LIO-ORG"
    product ".*"
    detect_prio no
    prio const
    hardware_handler "0"
    path_grouping_policy multibus
    no_path_retry 5
    failback immediate
  }
}
blacklist {
$multipath_excluded
  devnode "^(vd|loop|ram|sr|fd|nvme)"
}
END
}

# allow_mpathpersist: what mpathpersist needs: keys that multipathd remembers and puts on paths.
allow_mpathpersist() {
  sed -i 's/^defaults {/&\n  reservation_key file/' /etc/multipath.conf
  multipathd reconfigure
  wait_for "[ \$(ready_paths) = 2 ]"
}

# Number of paths that multipathd finds usable.
ready_paths() {
  multipathd show paths format '%T' | grep -c ready
}
