import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** Tells of each line that comes; errors of the socket are for whoever has it. */
export function onSocketLine(socket: Socket, onLine: (line: string) => void): void {
  const lines = createInterface({ input: socket });
  // It repeats those of the socket, and would throw them where nobody listens.
  lines.on('error', () => undefined);
  lines.on('line', onLine);
}
