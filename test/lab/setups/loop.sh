# One logical unit by three ways into the target of this very machine: two are this host's, paths of
# /dev/mapper/mpatha, the third stands for another host. The target's view: root on /dev/lab/other-sg.
# shellcheck shell=sh disable=SC2154  # variables of ../host
choose_lio_unit
lio_ramdisk
lio_loop_path 1 path1
lio_loop_path 2 path2
lio_loop_path 3 other
start_multipathd /dev/lab/other
warm_up
