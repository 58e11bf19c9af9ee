import { ControlClient } from '../../src/control/control-client.js';
import { onTestFinished } from 'vitest';

/** A connection to a server's control socket that ends with the test. */
export async function controlOf(path: string): Promise<ControlClient> {
  const client = await ControlClient.open(path);
  onTestFinished(() => {
    client.close();
  });
  return client;
}
