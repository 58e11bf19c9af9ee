# LIO, the kernel's SCSI target: https://www.kernel.org/doc/html/latest/target/
# shellcheck shell=sh

target=/sys/kernel/config/target
lio_unit=$target/core/rd_mcp_0/lab
lio_serial=11111111-2222-3333-4444-555555555555
# What LIO makes of it.
lio_naa=60014051111111122223333444455555

# choose_lio_unit: gives the nodes of the lab's logical unit to holdfast, on a host that reaches it.
choose_lio_unit() {
  offer_to_holdfast "ATTRS{wwid}==\"naa.$lio_naa\""
  offer_to_holdfast "ENV{DM_UUID}==\"mpath-3$lio_naa\""
}

# lio_ramdisk: makes the logical unit, 64 MiB of memory.
lio_ramdisk() {
  modprobe -a target_core_mod sd_mod sg
  mkdir -p $lio_unit
  echo rd_pages=16384 >$lio_unit/control
  echo $lio_serial >$lio_unit/wwn/vpd_unit_serial
  echo 1 >$lio_unit/enable
}

# lio_loop_path NUMBER NAME: a SCSI host of this machine with the unit, its nodes named by link_path.
lio_loop_path() {
  modprobe tcm_loop
  loop_port=$target/loopback/naa.500140500000000$1/tpgt_1
  mkdir -p "$loop_port"
  echo "naa.600140500000000$1" >"$loop_port/nexus"
  mkdir -p "$loop_port/lun/lun_0"
  ln -s "$lio_unit" "$loop_port/lun/lun_0/port"
  loop_device=/sys/devices/tcm_loop_0/tcm_loop_adapter_$(($1 - 1))
  wait_for "ls $loop_device/host*/target*/*/block/*"
  link_path "$2" $loop_device/host*/target*/*:*
}

# loop_transport NUMBER online|offline: a path offline answers at once, without the target.
loop_transport() {
  echo "$2" >"$target/loopback/naa.500140500000000$1/tpgt_1/transport_status"
}
