/** What can be asked of a running server through its control socket. */
import * as v from 'valibot';
import { type ControlMethod, method, type Notify } from '../control/control-server.js';
import { commandFromJson, outcomeToJson, prCommandSchema } from '../control/reservation-json.js';
import { isInitiatorName, guestNexus } from '../pr/nexus.js';
import { formatDesignator, parseDesignator } from '../scsi/designator.js';
import { ExitCode, Failure, messageOf, refusal } from '../util/failure.js';
import { aborted } from '../util/aborted.js';
import { endpointName } from './attachment.js';
import type { CarriedReservations } from './disk-reservations.js';
import type { Handover } from './handover.js';
import type { ServedDisk } from './served-disk.js';
import type { Server } from './server.js';

/** Path of the image or device; may be left out where there is one disk only. */
const disk = v.optional(v.string());
const initiator = v.pipe(
  v.string(),
  v.check(isInitiatorName, 'must be an iqn., eui. or naa. name'),
);

/** Who takes over: its socket, and the versions of the state that it reads. */
const takeover = v.strictObject({
  socket: v.string(),
  versions: v.pipe(v.array(v.number()), v.maxLength(64)),
});

/** A disk to serve, as `holdfast serve` takes it by its options. */
const newDisk = v.strictObject({
  blkFile: v.string(),
  readOnly: v.optional(v.boolean(), false),
  serial: v.optional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,20}$/))),
  designator: v.optional(
    v.pipe(
      v.string(),
      v.check((text) => parseDesignator(text) !== undefined, 'must be naa. or eui. and hex digits'),
      v.transform(parseDesignator),
    ),
  ),
  reservationState: v.optional(v.string()),
  blockSize: v.optional(v.picklist([0, 512, 1024, 2048, 4096]), 0),
  engine: v.optional(v.picklist(['auto', 'io_uring', 'libaio', 'sync']), 'auto'),
});

/**
 * @param handover none of the methods that change anything runs during an attempt
 * @param quit ends the server as SIGTERM does
 */
export function controlMethods(
  server: Server,
  handover: Handover,
  quit: () => void,
): ReadonlyMap<string, ControlMethod> {
  const methods = new Map<string, ControlMethod>();
  for (const [name, call] of changingMethods(server)) {
    methods.set(name, (params, notify, closed) => {
      handover.refuseMeanwhile();
      return call(params, notify, closed);
    });
  }
  return new Map([
    ...methods,
    ['status', method(v.strictObject({}), () => status(server))],
    [
      'quit',
      method(v.strictObject({}), () => {
        // When the answer is on its way.
        setImmediate(quit);
      }),
    ],
    [
      'takeover',
      method(takeover, ({ socket, versions }) => handover.begin({ socketPath: socket, versions })),
    ],
    [
      'pr.left',
      method(v.strictObject({ disk }), async (params, _, closed) => ({
        left: await Promise.race([carried(find(server, params.disk)).left, aborted(closed)]),
      })),
    ],
    [
      'pr.watch',
      method(v.strictObject({ disk }), (params, notify, closed) => {
        watch(withReservations(find(server, params.disk)), notify, closed);
      }),
    ],
  ]);
}

function changingMethods(server: Server): ReadonlyMap<string, ControlMethod> {
  return new Map([
    ['disk.attach', method(newDisk, (params) => attach(server, params))],
    [
      'disk.detach',
      method(v.strictObject({ disk }), (params) => server.unplug(find(server, params.disk))),
    ],
    [
      'disk.resize',
      method(v.strictObject({ disk }), (params) => resize(find(server, params.disk))),
    ],
    [
      'pr.expect',
      method(v.strictObject({ disk }), (params) => {
        const found = find(server, params.disk);
        refuseHere(found);
        carried(found).expect();
      }),
    ],
    [
      'pr.deliver',
      method(v.strictObject({ disk, left: v.string() }), ({ disk, left }) => {
        const found = find(server, disk);
        refuseHere(found);
        deliver(found, left);
      }),
    ],
    [
      'pr.execute',
      method(v.strictObject({ disk, initiator, command: prCommandSchema }), async (params) => {
        const { reservations } = withReservations(find(server, params.disk));
        const nexus = guestNexus(params.initiator);
        return outcomeToJson(await reservations.execute(nexus, commandFromJson(params.command)));
      }),
    ],
  ]);
}

async function attach(
  server: Server,
  disk: v.InferOutput<typeof newDisk>,
): Promise<{ lun: number }> {
  const { serial, designator, reservationState, ...settings } = disk;
  const reservations = { by: 'emulated', statePath: reservationState } as const;
  return { lun: await server.plug({ ...settings, serial, designator, reservations }) };
}

function status({ disks, guests }: Server): object {
  return {
    disks: [...disks].map(([lun, { path, ours, native, unit, hasReservations, carried }]) => ({
      disk: path,
      lun,
      // false: another process has it, as its guest migrates.
      ours,
      serial: unit.identity.serial,
      designator: formatDesignator(unit.identity.designator),
      reservations: hasReservations,
      // true: `pr.left`, `pr.expect` and `pr.deliver` are for it.
      carried: carried !== undefined,
      ...native.info(),
    })),
    guests: guests.map(({ settings, nexus, attachment }) => ({
      initiator: settings.initiatorName,
      nexus: nexus.id,
      device: settings.device,
      endpoint: endpointName(settings.endpoint),
      connected: attachment.connected,
      inFlight: attachment.inFlight(),
      queues: attachment.native.stats(),
    })),
  };
}

function resize(disk: ServedDisk): object {
  try {
    return { sizeBytes: disk.refreshSize() };
  } catch (error) {
    throw new Failure(ExitCode.image, messageOf(error), { cause: error });
  }
}

/** `pr.changed` now and after every change, until the connection ends. */
function watch(disk: ServedDisk, notify: Notify, closed: AbortSignal): void {
  const tell = () => {
    notify('pr.changed', { disk: disk.path });
  };
  disk.reservationsChanged.addEventListener('change', tell, { signal: closed });
  tell();
}

function find(server: Server, path: string | undefined): ServedDisk {
  const disks = [...server.disks.values()];
  const found = disks.filter((disk) => path === undefined || disk.path === path);
  const [disk] = found;
  if (disk !== undefined && found.length === 1) return disk;
  const names = disks.map((disk) => disk.path).join(', ');
  throw new Failure(
    ExitCode.usage,
    path === undefined
      ? `name one of the disks: ${names}`
      : `${path} is not served here: ${names} is`,
  );
}

function carried(disk: ServedDisk): CarriedReservations {
  if (disk.carried !== undefined) return disk.carried;
  throw refusal(`the reservations of ${disk.path} need nobody who carries them`);
}

/** What the guest works with is nobody's to replace. */
function refuseHere({ ours, path }: ServedDisk): void {
  if (ours) throw refusal(`the guest of ${path} is here`);
}

function deliver(disk: ServedDisk, left: string): void {
  try {
    carried(disk).deliver(left);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(ExitCode.usage, `what was left ${messageOf(error)}`, { cause: error });
  }
}

function withReservations(disk: ServedDisk): ServedDisk {
  if (disk.hasReservations) return disk;
  throw refusal(`${disk.path} has no reservations: serve it with --reservation-state`);
}
