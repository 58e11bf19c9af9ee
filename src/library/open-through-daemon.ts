/** Reservations by way of `holdfast prd`: no privilege, no access to the paths. */
import { type FileHandle, open } from 'node:fs/promises';
import * as v from 'valibot';
import { loadNativeAddon } from '../native/load-native-addon.js';
import { PrdConnection } from '../prd/prd-connection.js';
import { executeRemotely } from '../prd/remote-command.js';
import { Reservations } from './reservations.js';

const openedSchema = v.object({ handle: v.number() });

const ignored = (): void => undefined;
/** Those of an attached client; this one serves no guest. */
const handlers = {
  quiesce: ignored,
  resume: ignored,
  conflicts: ignored,
  unitAttention: ignored,
  changed: ignored,
};

/**
 * @param socketPath of the daemon (`holdfast prd --socket-path`)
 * @param path a node of the device; who may open it for writing may change its reservations, who
 *   may only read it may read them
 * @throws Error if the node can't be opened, nobody listens at the socket, or the daemon refuses
 *   the device, with its reason
 */
export async function openThroughDaemon(socketPath: string, path: string): Promise<Reservations> {
  const device = await openBest(path);
  try {
    const connection = await PrdConnection.open(loadNativeAddon(), socketPath, handlers);
    try {
      const opened = v.parse(openedSchema, await connection.request('open', {}, [device.fd]));
      return reservationsOf(connection, opened.handle);
    } catch (error) {
      connection.close();
      throw error;
    }
  } finally {
    await device.close();
  }
}

async function openBest(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch {
    return await open(path, 'r');
  }
}

function reservationsOf(connection: PrdConnection, handle: number): Reservations {
  return new Reservations({
    execute: (command) => executeRemotely(connection, handle, command),
    close: async () => {
      connection.close();
      await connection.closed;
    },
  });
}
