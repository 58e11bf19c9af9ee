# The host that has the logical unit: two paths of its own, a third that stands for somebody else, and
# two portals for the other host.
# shellcheck shell=sh disable=SC2154  # variables of ../host
choose_lio_unit
start_network 10.0.0.1 10.0.0.11
lio_ramdisk
iscsi_portal 1 10.0.0.1 peer
iscsi_portal 2 10.0.0.11 peer
lio_loop_path 1 path1
lio_loop_path 2 path2
lio_loop_path 3 other
start_multipathd /dev/lab/other
warm_up
