/** What multipathd 0.11.1 replies, cut to a few of its settings. */
import { multipathdWwid } from './host-tree.js';

/** Reply to `show map dm-0 json`: each path in a group of its own, with its checker's state. */
export function mapJson(paths: Record<string, string>, queueing = '5 chk'): string {
  return JSON.stringify({
    major_version: 0,
    minor_version: 1,
    map: {
      name: 'mpatha',
      uuid: multipathdWwid,
      sysfs: 'dm-0',
      failback: 'immediate',
      queueing,
      paths: Object.keys(paths).length,
      write_prot: 'rw',
      dm_st: 'active',
      features: '1 queue_if_no_path',
      hwhandler: '1 alua',
      action: '',
      path_faults: 0,
      vend: 'LIO-ORG ',
      prod: 'RAMDISK-MCP     ',
      rev: '4.0 ',
      switch_grp: 0,
      map_loads: 1,
      total_q_time: 0,
      q_timeouts: 0,
      path_groups: Object.entries(paths).map(([dev, checker], index) => ({
        selector: 'service-time 0',
        pri: 1,
        dm_st: index === 0 ? 'active' : 'enabled',
        marginal_st: 'normal',
        group: index + 1,
        paths: [
          {
            dev,
            dev_t: '8:16',
            dm_st: checker === 'faulty' ? 'failed' : 'active',
            dev_st: 'running',
            chk_st: checker,
            checker: 'tur',
            pri: 1,
            host_wwnn: '[undef]',
            target_wwnn: 'iqn.2024-01.lab:t',
            host_wwpn: '[undef]',
            target_wwpn: '[undef]',
            host_adapter: '127.0.0.1',
            lun_hex: '0x0000000000000000',
            marginal_st: 'normal',
          },
        ],
      })),
    },
  });
}

/** Reply to `show config local`. */
export function config({ defaultKey, ownKey }: { defaultKey?: string; ownKey?: string }): string {
  const setting = (key: string | undefined, indent: string) =>
    key === undefined ? [] : [`${indent}reservation_key ${key}`];
  return [
    'defaults {',
    '\tverbosity 2',
    '\tpath_selector "service-time 0"',
    ...setting(defaultKey, '\t'),
    '\tno_path_retry 5',
    '}',
    'blacklist {',
    '\tdevnode "!^(sd[a-z]|dasd[a-z]|nvme[0-9])"',
    '\tdevice {',
    '\t\tvendor "SGI"',
    '\t\tproduct "Universal ""Xport"""',
    '\t}',
    '}',
    'devices {',
    '\tdevice {',
    '\t\tvendor "LIO-ORG"',
    '\t\tproduct ".*"',
    '\t}',
    '}',
    'overrides {',
    '}',
    'multipaths {',
    '\tmultipath {',
    '\t\twwid "3600other"',
    '\t\treservation_key 0x1',
    '\t}',
    '\tmultipath {',
    `\t\twwid "${multipathdWwid}"`,
    ...setting(ownKey, '\t\t'),
    '\t}',
    '}',
    '',
  ].join('\n');
}
