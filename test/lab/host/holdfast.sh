# holdfast, as the user of that name, and guests of its disks.
# shellcheck shell=sh

# The user that holdfast runs as: no capability, and no way to get one.
as_holdfast='setpriv --reuid holdfast --regid holdfast --clear-groups --no-new-privs
  --inh-caps=-all --bounding-set=-all'

# install_holdfast: makes what its files in /etc ask for; see hostFiles in ../support/lab-setup.ts.
install_holdfast() {
  udevadm control --reload
  systemd-tmpfiles --create /etc/tmpfiles.d/holdfast.conf
}

# offer_to_holdfast 'MATCH': chooses disks for the udev rules that holdfast ships.
offer_to_holdfast() {
  echo "$1, ENV{HOLDFAST_DISK}=\"1\"" >>/etc/udev/rules.d/69-holdfast-disks.rules
  udevadm control --reload
}

# What Node.js may take to start, emulated, on a machine that has other things to do; seconds.
start_seconds=300

# serve ARGUMENT...: holdfast serve, within /run/holdfast; returns when it serves.
serve() {
  install -d -o holdfast -g holdfast /run/holdfast /var/lib/holdfast
  cd /run/holdfast || return 1
  # shellcheck disable=SC2086  # a command's words
  spawn serve $as_holdfast node /opt/holdfast/dist/cli/main.js serve "$@"
  logged serve serving $start_seconds
}

# boot_guest NUMBER SOCKET: a guest of user-mode Linux whose SCSI controller is served at SOCKET. Its
# agent is at the machine's port guest.NUMBER. With seccomp it needs a third of the time that it needs
# with ptrace here.
boot_guest() {
  install -d -o holdfast -g holdfast "/run/guest$1"
  # shellcheck disable=SC2086  # a command's words
  TMPDIR=/run/guest$1 spawn "guest$1" $as_holdfast linux.uml mem=256M seccomp=on \
    initrd=/usr/lib/lab/cluster-initramfs "virtio_uml.device=$2:8" \
    con0=null,fd:1 con1=fd:3,fd:3 con=null ssl=null quiet panic=-1 \
    agent=/dev/tty1 "uml_dir=/run/guest$1" 3<>"/dev/virtio-ports/guest.$1"
}

# script_guest NUMBER SOCKET MARK: holdfast-initiator as a guest whose SCSI controller is served at
# SOCKET. It takes commands from the machine's port guest.NUMBER behind the line MARK, and answers there
# between the lines `MARK begins` and `MARK ends: REASON`.
script_guest() {
  script_port=/dev/virtio-ports/guest.$1
  wait_for "true 3<>$script_port" # it can be opened once
  # shellcheck disable=SC2016,SC2086  # variables of the inner shell; a command's words
  spawn "guest$1" $as_holdfast sh -c '
    exec <&3
    while read -r line && [ "$line" != "$2" ]; do :; done
    printf "\n%s begins\n" "$2" >&3
    reason=$(/opt/holdfast/build/release/holdfast-initiator scsi "$1" 2>&1 >&3)
    echo "$2 ends: $reason" >&3
    ' sh "$2" "$3" 3<>"$script_port"
}
