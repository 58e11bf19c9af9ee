// For programs in a lab machine: the reservations of a map as holdfast serve has them, with what a test
// puts in between.
const dist = '/opt/holdfast/dist';
const { loadNativeAddon } = await import(`${dist}/native/load-native-addon.js`);
const { DeviceEvents } = await import(`${dist}/multipath/device-events.js`);
const { findLogicalUnit } = await import(`${dist}/multipath/logical-unit.js`);
const { openHostPaths } = await import(`${dist}/multipath/open-host-paths.js`);
const { pathNode } = await import(`${dist}/multipath/path-node.js`);
const { readScsiPath } = await import(`${dist}/multipath/scsi-path.js`);
const { Sysfs } = await import(`${dist}/multipath/sysfs.js`);
const { openTransport } = await import(`${dist}/transports/open-transport.js`);
const { DeviceReservations } = await import(`${dist}/fan-out/device-reservations.js`);
const { FileJournal } = await import(`${dist}/fan-out/file-journal.js`);
const { guestNexus } = await import(`${dist}/pr/nexus.js`);

const addon = loadNativeAddon();
const sysfs = new Sysfs();
const guest = guestNexus('iqn.2026-11.org.example:node1');
const tries = 40;

export const soon = () => performance.now() + 10_000;

export const register = (prkey, serviceActionKey) => ({
  action: 'register',
  prkey,
  serviceActionKey,
  aptpl: false,
  allTgPt: false,
  specIPt: undefined,
});

/** The host's paths; `around` is called for each command, and sends it by calling `execute`. */
export class WatchedPaths extends EventTarget {
  #source;
  #watched = new Map();
  #around;

  constructor(source, around) {
    super();
    this.#source = source;
    this.#around = around;
    source.addEventListener('change', () => this.dispatchEvent(new Event('change')));
  }

  get name() {
    return this.#source.name;
  }

  paths() {
    return this.#source
      .paths()
      .map((path) => ({ ...path, transport: this.#watch(path.transport) }));
  }

  #watch(transport) {
    let watched = this.#watched.get(transport);
    if (watched === undefined) {
      watched = {
        name: transport.name,
        limits: transport.limits,
        probe: (deadline) => transport.probe(deadline),
        identify: (deadline) => transport.identify(deadline),
        close: () => transport.close(),
        execute: (command, deadline) =>
          this.#around(command, () => transport.execute(command, deadline)),
      };
      this.#watched.set(transport, watched);
    }
    return watched;
  }
}

/** The gate of a guest whose data is nowhere. */
export function openGate() {
  const gate = {
    holdsAll: true,
    isOpen: false,
    conflicts: 'answer',
    onConflict: () => undefined,
    close: () => (gate.isOpen = false),
    open: () => (gate.isOpen = true),
    drained: () => Promise.resolve(true),
    beginEpoch: () => undefined,
  };
  return gate;
}

/** The one disk of that name, whatever it belongs to: `sdc`. */
export async function openDisk(name) {
  const facts = readScsiPath(sysfs, name);
  const { transport } = await openTransport(addon, pathNode(facts, facts.wwid), {
    deadline: soon(),
  });
  return transport;
}

/** Sent again until the device executes it: whatever it has to tell comes first. */
export async function insist(transport, command) {
  for (let tried = 0; tried < tries; tried++) {
    const { outcome } = await transport.execute(command, soon());
    if (outcome !== undefined && outcome.status !== 'check-condition') return outcome;
  }
  throw new Error(`${transport.name}: ${command.action} is never executed`);
}

/** @param wrapPaths, wrapJournal what stands between the reservations and the host */
export async function openReservations({
  map,
  journalFolder,
  gate,
  wrapPaths = (paths) => paths,
  wrapJournal = (journal) => journal,
}) {
  const device = findLogicalUnit(sysfs, map);
  const { paths } = await openHostPaths({
    addon,
    device,
    transport: {},
    events: new DeviceEvents(),
    report: () => undefined,
  });
  const journal = new FileJournal(journalFolder, device.wwid);
  await journal.prepare();
  const fail = (error) => {
    throw error;
  };
  const reservations = await DeviceReservations.open({
    guest,
    source: wrapPaths(paths),
    gate,
    journal: wrapJournal(journal),
    timeoutMs: 10_000,
    depth: 4,
    log: () => undefined,
    onFault: fail,
    onStoreFailure: fail,
  });
  /** The guest's command, again while it is BUSY or told of a unit attention. */
  const execute = async (command) => {
    for (let tried = 0; tried < tries; tried++) {
      const outcome = await reservations.execute(guest, command);
      const isAttention = outcome.status === 'check-condition' && outcome.sense.senseKey === 6;
      if (outcome.status !== 'busy' && !isAttention) return outcome;
      await reservations.audit();
    }
    throw new Error(`${command.action} of the guest is never executed`);
  };
  return { paths, reservations, execute };
}
