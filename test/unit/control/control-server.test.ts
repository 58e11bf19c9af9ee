import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { expect, it, onTestFinished } from 'vitest';
import { ControlClient } from '../../../src/control/control-client.js';
import { ControlServer, method } from '../../../src/control/control-server.js';
import { aborted } from '../../../src/util/aborted.js';

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'control-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return join(folder, 'control.sock');
}

async function serverAt(path: string, call: (closed: AbortSignal) => unknown) {
  const ask = method(v.object({}), (_params, _notify, closed) => call(closed));
  const server = await ControlServer.listen(path, new Map([['ask', ask]]));
  onTestFinished(() => {
    server.close();
  });
  return server;
}

async function answerAt(path: string): Promise<unknown> {
  const client = await ControlClient.open(path);
  try {
    return await client.request('ask', {});
  } finally {
    client.close();
  }
}

it('outlives a client that leaves without having read its answers', async () => {
  const path = socketPath();
  let gone: Promise<void> | undefined;
  const asked = new Promise<void>((resolve) => {
    void serverAt(path, (closed) => {
      gone = aborted(closed);
      resolve();
      return 'x'.repeat(100_000);
    }).then(() => {
      const client = connect(path).pause();
      client.on('error', () => undefined);
      client.write('{"jsonrpc":"2.0","id":1,"method":"ask"}\n'.repeat(5));
      // What is unread at the close resets the connection.
      void asked.then(() => client.destroy());
    });
  });
  await asked;
  await gone;
  expect(await answerAt(path)).toHaveLength(100_000);
});

it('takes the place of another one, and removes its socket in the end', async () => {
  const path = socketPath();
  await serverAt(path, () => 'first');
  const second = await serverAt(`${path}.next`, () => 'second');
  expect(await answerAt(path)).toBe('first');
  second.moveTo(path);
  expect(await answerAt(path)).toBe('second');
  await expect(answerAt(`${path}.next`)).rejects.toThrow('ENOENT');
  second.close();
  await expect(answerAt(path)).rejects.toThrow('ENOENT');
});
