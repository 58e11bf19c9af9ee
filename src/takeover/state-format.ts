/**
 * The state as JSON and a list of descriptors, which stand in the text by their place in the list.
 * A version is never changed: what is different gets the next number, and the one before stays
 * readable, so that each release can take over from the one before.
 */
import * as v from 'valibot';
import type { AttachmentState, ToldMessage } from '../native/addon.js';
import { refusal } from '../util/failure.js';
import type { DiskState, GuestState, TakeoverState } from './state.js';

/** Those that this process reads; it writes the first. */
export const stateVersions: readonly number[] = [1];

/** Of all guests together; 256 queues have 3 each, and a guest has up to 509 memory regions. */
export const fdsMax = 32_768;

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const place = v.pipe(count, v.maxValue(fdsMax - 1));
const name = v.pipe(v.string(), v.maxLength(4096));

const Told = v.strictObject({
  request: count,
  payload: v.pipe(v.string(), v.base64(), v.maxLength(2048)),
  fds: v.pipe(v.array(place), v.maxLength(8)),
});

const Guest = v.strictObject({
  initiator: name,
  device: v.picklist(['blk', 'scsi']),
  numQueues: count,
  configWce: v.boolean(),
  scsiPassthrough: v.boolean(),
  scsiConfig: v.boolean(),
  listener: v.nullable(place),
  session: v.nullable(
    v.strictObject({ connection: place, told: v.pipe(v.array(Told), v.maxLength(4096)) }),
  ),
});

const Disk = v.strictObject({
  lun: count,
  path: name,
  image: place,
  readOnly: v.boolean(),
  serial: name,
  designator: name,
  blockSize: count,
  descriptorSense: v.boolean(),
  softwareWriteProtect: v.boolean(),
  reservations: v.pipe(v.string(), v.maxLength(1024 * 1024)),
});

const State = v.strictObject({
  version: v.literal(1),
  disks: v.pipe(v.array(Disk), v.maxLength(256)),
  guests: v.pipe(v.array(Guest), v.maxLength(1024)),
});
type State = v.InferOutput<typeof State>;

export interface EncodedState {
  readonly document: object;
  readonly fds: readonly number[];
}

export function encodeState({ disks, guests }: TakeoverState): EncodedState {
  const fds: number[] = [];
  const placeOf = (fd: number) => fds.push(fd) - 1;
  const document: State = {
    version: 1,
    disks: disks.map((disk) => ({ ...disk, image: placeOf(disk.image) })),
    guests: guests.map(({ attachment: { listener, session }, ...device }) => ({
      ...device,
      listener: listener === undefined ? null : placeOf(listener),
      session:
        session === undefined
          ? null
          : {
              connection: placeOf(session.connection),
              told: session.told.map((message) => ({
                request: message.request,
                payload: message.payload.toString('base64'),
                fds: message.fds.map(placeOf),
              })),
            },
    })),
  };
  return { document, fds };
}

/**
 * @param fds stay the caller's if this throws
 * @throws Failure (refused) if it is none of the versions that are known, or not what it should be
 */
export function decodeState(document: unknown, fds: readonly number[]): TakeoverState {
  const checked = v.safeParse(State, document);
  if (!checked.success) {
    throw refusal(`the state that was handed over is not valid: ${v.summarize(checked.issues)}`);
  }
  const left = new Map(fds.entries());
  const fdAt = (at: number): number => {
    const fd = left.get(at);
    left.delete(at);
    if (fd === undefined) throw refusal(`descriptor ${at} is missing, or there twice`);
    return fd;
  };
  const { disks, guests } = checked.output;
  const state = {
    disks: disks.map((disk): DiskState => ({ ...disk, image: fdAt(disk.image) })),
    guests: guests.map(({ listener, session, ...device }): GuestState => ({
      ...device,
      attachment: attachmentFrom({ listener, session }, fdAt),
    })),
  };
  if (left.size > 0) throw refusal('there are descriptors that nothing refers to');
  return state;
}

function attachmentFrom(
  { listener, session }: Pick<State['guests'][number], 'listener' | 'session'>,
  fdAt: (at: number) => number,
): AttachmentState {
  return {
    listener: listener === null ? undefined : fdAt(listener),
    session:
      session === null
        ? undefined
        : {
            connection: fdAt(session.connection),
            told: session.told.map(({ request, payload, fds }): ToldMessage => ({
              request,
              payload: Buffer.from(payload, 'base64'),
              fds: fds.map(fdAt),
            })),
          },
  };
}
