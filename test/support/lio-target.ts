/** The guest's kernel as an iSCSI target that passes every command on to SCSI disks (LIO's pscsi). */

/** Where the guest reaches the nth disk; the first is 1. */
export function lioUrl(disk: number): string {
  return `iscsi://127.0.0.1:${portal(disk)}/${targetName(disk)}/0`;
}

/** A script that exports /dev/sda, /dev/sdb and so on, each as LUN 0 of a target of its own. */
export function startLio(disks: number): string {
  const exported = Array.from({ length: disks }, (_, index) => exportDisk(index + 1));
  return ['set -e', 'mount -t configfs configfs /sys/kernel/config', loopback, ...exported].join(
    '\n',
  );
}

// iscsi-test-cu looks 127.0.0.1 up.
const loopback = 'ip link set lo up; echo 127.0.0.1 localhost >/etc/hosts';

/** Registrations live on the disk: what LIO emulates it would keep to itself. */
function exportDisk(disk: number): string {
  const name = `sd${String.fromCharCode('a'.charCodeAt(0) + disk - 1)}`;
  return `
    until [ -b /dev/${name} ]; do usleep 10000; done
    store=/sys/kernel/config/target/core/pscsi_${disk}/${name}
    mkdir -p $store
    address=$(basename $(readlink /sys/block/${name}/device) | tr : ' ')
    set -- $address
    echo scsi_host_id=$1,scsi_channel_id=$2,scsi_target_id=$3,scsi_lun_id=$4 >$store/control
    echo /dev/${name} >$store/udev_path
    echo 1 >$store/enable
    group=/sys/kernel/config/target/iscsi/${targetName(disk)}/tpgt_1
    mkdir -p $group/lun/lun_0 $group/np/127.0.0.1:${portal(disk)}
    ln -s $store $group/lun/lun_0/${name}
    echo 0 >$group/attrib/authentication
    echo 1 >$group/attrib/generate_node_acls
    echo 1 >$group/attrib/cache_dynamic_acls
    echo 0 >$group/attrib/demo_mode_write_protect
    echo 1 >$group/enable`;
}

function targetName(disk: number): string {
  return `iqn.2026-11.test:disk${disk}`;
}

function portal(disk: number): number {
  return 3259 + disk;
}
