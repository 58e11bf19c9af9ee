/** What can be asked of a running server through its control socket. */
import * as v from 'valibot';
import { type ControlMethod, method, type Notify } from '../control/control-server.js';
import { commandFromJson, outcomeToJson, prCommandSchema } from '../control/reservation-json.js';
import { isInitiatorName, guestNexus } from '../pr/nexus.js';
import { formatDesignator } from '../scsi/designator.js';
import { ExitCode, Failure, messageOf } from '../util/failure.js';
import { endpointName } from './attachment.js';
import type { Guest } from './guest.js';
import type { ServedDisk } from './served-disk.js';

export interface Controlled {
  readonly disks: readonly ServedDisk[];
  readonly guests: readonly Guest[];
  /** Ends the server as SIGTERM does. */
  readonly quit: () => void;
}

/** Path of the image or device; may be left out where there is one disk only. */
const disk = v.optional(v.string());
const initiator = v.pipe(
  v.string(),
  v.check(isInitiatorName, 'must be an iqn., eui. or naa. name'),
);

export function controlMethods(controlled: Controlled): ReadonlyMap<string, ControlMethod> {
  const { disks } = controlled;
  return new Map([
    ['status', method(v.strictObject({}), () => status(controlled))],
    [
      'quit',
      method(v.strictObject({}), () => {
        // When the answer is on its way.
        setImmediate(controlled.quit);
      }),
    ],
    ['disk.resize', method(v.strictObject({ disk }), (params) => resize(find(disks, params.disk)))],
    [
      'pr.execute',
      method(v.strictObject({ disk, initiator, command: prCommandSchema }), async (params) => {
        const { reservations } = withReservations(find(disks, params.disk));
        const nexus = guestNexus(params.initiator);
        return outcomeToJson(await reservations.execute(nexus, commandFromJson(params.command)));
      }),
    ],
    [
      'pr.watch',
      method(v.strictObject({ disk }), (params, notify, closed) => {
        watch(withReservations(find(disks, params.disk)), notify, closed);
      }),
    ],
  ]);
}

function status({ disks, guests }: Controlled): object {
  return {
    disks: disks.map(({ path, native, unit, hasReservations }) => ({
      disk: path,
      serial: unit.identity.serial,
      designator: formatDesignator(unit.identity.designator),
      reservations: hasReservations,
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

function resize({ native }: ServedDisk): object {
  try {
    return { sizeBytes: native.refreshSize() };
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

function find(disks: readonly ServedDisk[], path: string | undefined): ServedDisk {
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

function withReservations(disk: ServedDisk): ServedDisk {
  if (disk.hasReservations) return disk;
  throw new Failure(
    ExitCode.refused,
    `${disk.path} has no reservations: serve it with --reservation-state`,
  );
}
