import { constants } from 'node:fs';
import type { NativeAddon } from '../native/addon.js';
import { errnoOf } from '../util/failure.js';
import { byDeadline } from '../util/deadline.js';
import { LaneFile } from './lane-file.js';

export type OpenedNode =
  | { readonly file: LaneFile; readonly refusal?: never; readonly errno?: never }
  | { readonly file?: never; readonly refusal: string; readonly errno: string | undefined };

/**
 * Opens a device node for reading and writing on a lane of its own.
 * @param deadline on the clock of performance.now(), milliseconds
 */
export async function openNode(
  addon: Pick<NativeAddon, 'createLane'>,
  path: string,
  deadline: number,
): Promise<OpenedNode> {
  const lane = addon.createLane();
  const opening = lane.open(path, constants.O_RDWR | constants.O_NONBLOCK).then(
    (fd) => ({ fd }),
    (error: unknown) => ({ errno: errnoOf(error) ?? String(error) }),
  );
  const opened = await byDeadline(opening, deadline);
  if (opened === undefined) {
    void opening.then(async (late) => {
      if ('fd' in late) await lane.close(late.fd).catch(() => undefined);
      lane.end();
    });
    return { refusal: `${path} had not opened by the deadline`, errno: undefined };
  }
  if ('fd' in opened) return { file: new LaneFile(lane, opened.fd) };
  lane.end();
  return { refusal: `${path}: ${opened.errno}`, errno: opened.errno };
}
