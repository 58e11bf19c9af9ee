# iSCSI: LIO as the target, open-iscsi as the initiator, and portals that fall silent. Follows lio.sh.
# shellcheck shell=sh disable=SC2154

iscsi_name=iqn.2026-11.org.example

# iscsi_portal NUMBER ADDRESS INITIATOR: a target port group with the unit, for that initiator only.
iscsi_portal() {
  modprobe iscsi_target_mod
  portal_group=$target/iscsi/$iscsi_name:target/tpgt_$1
  mkdir -p "$portal_group/lun/lun_0" "$portal_group/np/$2:3260"
  ln -s "$lio_unit" "$portal_group/lun/lun_0/port"
  echo 0 >"$portal_group/attrib/authentication"
  portal_acl=$portal_group/acls/$iscsi_name:$3
  mkdir -p "$portal_acl/lun_0"
  ln -s "$portal_group/lun/lun_0" "$portal_acl/lun_0/port"
  echo 0 >"$portal_acl/lun_0/write_protect"
  echo 1 >"$portal_group/enable"
}

# start_initiator NAME
start_initiator() {
  modprobe -a sd_mod sg iscsi_tcp
  echo "InitiatorName=$iscsi_name:$1" >/etc/iscsi/initiatorname.iscsi
  sed -i 's/^node.startup.*/node.startup = manual/' /etc/iscsi/iscsid.conf
  mkdir -p /run/lock/iscsi
  iscsid
}

# iscsi_login NUMBER ADDRESS NAME [INTERFACE]: the nodes are named by link_path. Time-outs are
# open-iscsi's own; multipathd sets the session's recovery time-out to its fast_io_fail_tmo.
iscsi_login() {
  login_node="--targetname $iscsi_name:target --portal $2:3260,$1 --interface ${4:-default}"
  # shellcheck disable=SC2086  # a command's words
  iscsiadm --mode node --op new $login_node
  # shellcheck disable=SC2086
  iscsiadm --mode node --login $login_node
  wait_for "[ -e \$(iscsi_device $2)/block ]"
  link_path "$3" "$(iscsi_device "$2")"
}

# iscsi_interface NAME: lets iscsi_login come as another initiator, :NAME.
iscsi_interface() {
  iscsiadm --mode iface --interface "$1" --op new
  iscsiadm --mode iface --interface "$1" --op update --name iface.initiatorname \
    --value "$iscsi_name:$1"
}

# iscsi_session ADDRESS: directory of the session with that portal in sysfs.
iscsi_session() {
  grep -lx "$1" /sys/class/iscsi_session/*/device/connection*/iscsi_connection/*/persistent_address |
    cut -d/ -f1-5
}

iscsi_device() { # ADDRESS
  echo "$(iscsi_session "$1")"/device/target*/*:*
}

# black_hole ADDRESS...: the portals hear nothing and are not heard. mute ADDRESS...: the portals hear
# but are not heard. swallow_reservation ADDRESS: the portal is in a black hole from the next PERSISTENT
# RESERVE OUT on, that one included. mute_reservation ADDRESS: it is mute from then on. heal: all is as
# before.
black_hole() {
  for address in "$@"; do
    nft add rule ip lab input ip daddr "$address" tcp dport 3260 drop
  done
  mute "$@"
}
mute() {
  for address in "$@"; do
    nft add rule ip lab input ip saddr "$address" tcp sport 3260 drop
  done
}
swallow_reservation() {
  # shellcheck disable=SC2086  # words of the rule
  nft add rule ip lab input ip daddr "$1" $reservation_out add @silent '{ ip daddr }' drop
  nft add rule ip lab input ip daddr @silent tcp dport 3260 drop
  nft add rule ip lab input ip saddr @silent tcp sport 3260 drop
}
mute_reservation() {
  # shellcheck disable=SC2086  # words of the rule
  nft add rule ip lab input ip daddr "$1" $reservation_out add @silent '{ ip daddr }'
  nft add rule ip lab input ip saddr @silent tcp sport 3260 drop
}
heal() {
  nft flush chain ip lab input
  nft flush set ip lab silent
}

# A PDU of iSCSI's SCSI Command (RFC 7143 11.3) behind a TCP header with timestamps, in bits: its opcode,
# and the first byte of its CDB.
reservation_out='tcp dport 3260 @th,256,8 & 0x3f == 0x01 @th,512,8 0x5f'

# What black_hole and mute need.
prepare_black_holes() {
  modprobe nf_tables
  nft add table ip lab
  nft add set ip lab silent '{ type ipv4_addr; flags dynamic; size 16; }'
  nft add chain ip lab input '{ type filter hook input priority 0; }'
}

# start_network ADDRESS...: of the cable between two machines.
start_network() {
  modprobe virtio_net
  wait_for '[ -e /sys/class/net/eth0 ]'
  ip link set eth0 up
  for address in "$@"; do
    ip address add "$address/24" dev eth0
  done
}
