# One NVMe namespace with reservations by two controllers, one of transport loop and one of tcp:
# /dev/nvme0n1 with the kernel's own multipath.
# shellcheck shell=sh disable=SC2154  # variables of ../host
offer_to_holdfast "ATTR{wwid}==\"uuid.$nvme_uuid\""
nvme_namespace
nvme_port 1 loop
nvme_port 2 tcp 127.0.0.1 4420
nvme_connect --transport loop
nvme_connect --transport tcp --traddr 127.0.0.1 --trsvcid 4420
wait_for '[ -b /dev/nvme0n1 ]'
nvme list-subsys >/dev/null
warm_up
