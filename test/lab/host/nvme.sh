# NVMe over fabrics within one machine: nvmet as the target; reservations need Linux 6.13.
# shellcheck shell=sh

nvmet=/sys/kernel/config/nvmet
nvme_name=nqn.2026-11.org.example:lab
nvme_host=11111111-2222-3333-4444-555555555555
nvme_uuid=66666666-7777-8888-9999-000000000000

# nvme_namespace: a subsystem with one namespace, 64 MiB of memory, that has reservations.
nvme_namespace() {
  modprobe -a nvmet nvme-core
  modprobe brd rd_nr=1 rd_size=65536
  nvme_subsystem=$nvmet/subsystems/$nvme_name
  mkdir -p "$nvme_subsystem/namespaces/1"
  echo 1 >"$nvme_subsystem/attr_allow_any_host"
  printf /dev/ram0 >"$nvme_subsystem/namespaces/1/device_path"
  echo $nvme_uuid >"$nvme_subsystem/namespaces/1/device_uuid"
  echo 1 >"$nvme_subsystem/namespaces/1/resv_enable"
  echo 1 >"$nvme_subsystem/namespaces/1/enable"
}

# nvme_port NUMBER loop | nvme_port NUMBER tcp ADDRESS SERVICE
nvme_port() {
  modprobe -a "nvme-$2"
  [ "$2" = loop ] || modprobe "nvmet-$2"
  nvme_port=$nvmet/ports/$1
  mkdir "$nvme_port"
  echo "$2" >"$nvme_port/addr_trtype"
  if [ "$2" = tcp ]; then
    echo ipv4 >"$nvme_port/addr_adrfam"
    echo "$3" >"$nvme_port/addr_traddr"
    echo "$4" >"$nvme_port/addr_trsvcid"
  fi
  ln -s "$nvme_subsystem" "$nvme_port/subsystems/$nvme_name"
}

# nvme_connect ARGUMENT...: of nvme connect, that name the way.
nvme_connect() {
  nvme connect --nqn $nvme_name --hostid $nvme_host \
    --hostnqn nqn.2014-08.org.nvmexpress:uuid:$nvme_host "$@"
}
