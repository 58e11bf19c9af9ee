/** JSON lines on stderr. */
import { destination, pino, type Logger } from 'pino';

/**
 * Written synchronously: the last line before an immediate exit is the one that says why. Only
 * JavaScript's thread waits for a slow reader of stderr, never a request or a handshake.
 */
export function createLogger(level: 'info' | 'warn' = 'info'): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination({ fd: 2, sync: true }),
  );
}
