# What every script in a lab machine has at hand: LabMachine.run puts it in front.
# shellcheck shell=sh

logs=/run/lab
mkdir -p $logs

# wait_for 'CONDITION' [SECONDS]: fails, naming it, when it doesn't come true in time.
wait_for() {
  wait_end=$(($(uptime_ms) + ${2:-120} * 1000))
  until eval "$1" >/dev/null 2>&1; do
    if [ "$(uptime_ms)" -gt $wait_end ]; then
      echo "not within ${2:-120} s: $1"
      return 1
    fi
    sleep 0.1
  done
}

uptime_ms() {
  read -r uptime_seconds _ </proc/uptime
  uptime_hundredths=${uptime_seconds#*.}
  echo $((${uptime_seconds%.*} * 1000 + ${uptime_hundredths#0} * 10))
}

# spawn NAME COMMAND...: in the background; its output goes to $logs/NAME.log.
spawn() {
  spawn_name=$1
  shift
  # Emptied here, so that nobody finds the words of an earlier one.
  : >"$logs/$spawn_name.log"
  setsid "$@" >>"$logs/$spawn_name.log" 2>&1 &
  echo $! >"$logs/$spawn_name.pid"
}

# running NAME: whether what spawn started is there, and no zombie.
running() {
  grep -q '^State:.[^Z]' "/proc/$(cat "$logs/$1.pid")/status" 2>/dev/null
}

# logged NAME 'TEXT' [SECONDS]: waits until what spawn started has said so; fails with its log if it
# ends first, or says nothing of it in time.
logged() {
  if wait_for "grep -qF '$2' $logs/$1.log || ! running $1" "${3:-120}" && grep -qF "$2" "$logs/$1.log"; then
    return
  fi
  cat "$logs/$1.log"
  return 1
}

# disk_of DIRECTORY..., generic_of DIRECTORY...: device node of the SCSI device in sysfs.
disk_of() {
  echo "/dev/$(basename "$1"/block/*)"
}
generic_of() {
  echo "/dev/$(basename "$1"/scsi_generic/*)"
}

# link_path NAME DIRECTORY: names a path's nodes /dev/lab/NAME and /dev/lab/NAME-sg, once they are
# there and its unit attentions of power-on are taken up.
link_path() {
  mkdir -p /dev/lab
  wait_for "[ -b $(disk_of "$2") ] && [ -c $(generic_of "$2") ]"
  ln -sf "$(disk_of "$2")" "/dev/lab/$1"
  ln -sf "$(generic_of "$2")" "/dev/lab/$1-sg"
  wait_for "sg_turs /dev/lab/$1-sg"
}

# Brings into memory, before the snapshot, what takes long to read for the first time.
warm_up() {
  node -e 0
  sg_persist --version >/dev/null 2>&1
}
