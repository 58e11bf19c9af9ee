# One logical unit over iSCSI to the target of this very machine: portals 127.0.0.1 and 127.0.0.2 are
# paths of /dev/mapper/mpatha, 127.0.0.3 is another initiator's and stands for another host. Portals
# fall silent by black_hole, mute and heal.
# shellcheck shell=sh disable=SC2154  # variables of ../host
choose_lio_unit
prepare_black_holes
lio_ramdisk
iscsi_portal 1 127.0.0.1 host
iscsi_portal 2 127.0.0.2 host
iscsi_portal 3 127.0.0.3 other
start_initiator host
iscsi_interface other
iscsi_login 3 127.0.0.3 other other
iscsi_login 1 127.0.0.1 path1
iscsi_login 2 127.0.0.2 path2
start_multipathd /dev/lab/other
warm_up
