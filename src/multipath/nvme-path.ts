/** What sysfs tells about an NVMe namespace and the controllers that lead to it. */
import { worst, type PathCondition } from './path-condition.js';
import type { NvmeController, NvmePath } from './path-facts.js';
import type { Sysfs } from './sysfs.js';

/**
 * Reads the way to an NVMe namespace. With native multipath the kernel shows one namespace for all
 * controllers and chooses among them, so that is one path with several controllers; with it off each
 * controller has a namespace of its own.
 * @param name `nvme0n1`
 * @returns undefined if there is no such namespace
 */
export function readNvmePath(sysfs: Sysfs, name: string): NvmePath | undefined {
  const [, head] = /^nvme\d+n(\d+)$/.exec(name) ?? [];
  const device = sysfs.resolve(`block/${name}/device`);
  const namespaceId = sysfs.number(`block/${name}/nsid`);
  if (head === undefined || device === undefined || namespaceId === undefined) return undefined;
  const parent = device.split('/').at(-1) ?? device;
  const controllers = parent.startsWith('nvme-subsys')
    ? sharedControllers(sysfs, device, head)
    : [{ name: parent, condition: controllerCondition(sysfs, device, parent) }];
  const hostId = hostIdOf(sysfs, controllers);
  return {
    kind: 'nvme',
    // A registration belongs to the host, whichever controller it went through.
    id: hostId === undefined ? parent : `${parent}/${hostId}`,
    name,
    instance: sysfs.text(`block/${name}/diskseq`) ?? '',
    deviceNumber: sysfs.text(`block/${name}/dev`) ?? '',
    wwid: sysfs.text(`block/${name}/wwid`),
    condition: best(controllers),
    initiator: undefined,
    folder: device,
    controllers,
    namespaceId,
    hostId,
    lateExecutionMs: Math.max(0, ...controllers.map(({ name }) => lateExecutionMs(sysfs, name))),
  };
}

/**
 * A controller executes commands in any order and those of different queues independently, so what
 * it answers later says nothing of one that Linux gave up on. Linux gives up on a fabric when it
 * has lost the controller, without waiting for it to notice; it notices within three Keep Alive
 * Timeouts (with Traffic Based Keep Alive, else two) and then has its Command Quiesce Time to end
 * what it has begun (NVMe base 2.1 §9.6, TP4129). Without Keep Alive it may never notice. On PCIe
 * Linux resets the controller first.
 */
function lateExecutionMs(sysfs: Sysfs, controller: string): number {
  const folder = `class/nvme/${controller}`;
  if (sysfs.text(`${folder}/transport`) === 'pcie') return quiesceMs;
  const keepAliveSeconds = sysfs.number(`${folder}/kato`) ?? defaultKeepAliveSeconds;
  return keepAliveSeconds > 0 ? 3 * keepAliveSeconds * 1000 + quiesceMs : Infinity;
}

/** More than any controller is known to want; Identify Controller has it since NVMe 2.1 only. */
const quiesceMs = 15_000;
/** Linux' own default. */
const defaultKeepAliveSeconds = 5;

function sharedControllers(sysfs: Sysfs, subsystem: string, head: string): NvmeController[] {
  return sysfs
    .names(subsystem)
    .filter((name) => /^nvme\d+$/.test(name))
    .flatMap((name) => {
      const folder = `${subsystem}/${name}`;
      const path = sysfs
        .names(folder)
        .find((entry) => new RegExp(`^nvme\\d+c\\d+n${head}$`).test(entry));
      if (path === undefined) return [];
      const access = accessCondition(name, sysfs.text(`${folder}/${path}/ana_state`));
      return [{ name, condition: worst([controllerCondition(sysfs, folder, name), access]) }];
    });
}

function controllerCondition(sysfs: Sysfs, folder: string, name: string): PathCondition {
  const state = sysfs.text(`${folder}/state`);
  return state === 'live'
    ? { state: 'up' }
    : { state: 'down', reason: `controller ${name} is ${state ?? 'gone'}` };
}

/** Asymmetric Namespace Access state; no I/O command passes in the last three (NVMe base, ANA). */
function accessCondition(controller: string, access: string | undefined): PathCondition {
  switch (access) {
    case 'inaccessible':
    case 'persistent-loss':
    case 'change':
      return { state: 'down', reason: `controller ${controller} has it in ANA state ${access}` };
    default:
      return { state: 'up' };
  }
}

function best(controllers: readonly NvmeController[]): PathCondition {
  const [first] = controllers;
  if (first === undefined) return { state: 'down', reason: 'no controller leads to it' };
  return controllers.some(({ condition }) => condition.state === 'up')
    ? { state: 'up' }
    : first.condition;
}

function hostIdOf(sysfs: Sysfs, controllers: readonly NvmeController[]): string | undefined {
  const [first] = controllers;
  const text = first === undefined ? undefined : sysfs.text(`class/nvme/${first.name}/hostid`);
  const digits = text?.replaceAll('-', '').toLowerCase();
  return digits !== undefined && /^([0-9a-f]{16}|[0-9a-f]{32})$/.test(digits) ? digits : undefined;
}
