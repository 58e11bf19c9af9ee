# The host that reaches the logical unit of two-hosts-target.sh over iSCSI.
# shellcheck shell=sh disable=SC2154  # variables of ../host
choose_lio_unit
prepare_black_holes
start_network 10.0.0.2
start_initiator peer
# The portals open one after the other.
for address in 10.0.0.1 10.0.0.11; do
  wait_for "bash -c ': </dev/tcp/$address/3260'" 120
done
iscsi_login 1 10.0.0.1 path1
iscsi_login 2 10.0.0.11 path2
start_multipathd
warm_up
