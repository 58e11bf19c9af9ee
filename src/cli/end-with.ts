import type { Logger } from 'pino';
import { ExitCode, Failure } from '../util/failure.js';
import { exitImmediately } from '../util/libc.js';

/**
 * Ends the process with what a server returns, or with what it says of a failure.
 * @param serve as long as it serves; with `stuckIo` threads are not waited for
 */
export async function endWith(log: Logger, serve: () => Promise<ExitCode>): Promise<never> {
  try {
    const exitCode = await serve();
    if (exitCode === ExitCode.stuckIo) exitImmediately(exitCode);
    process.exit(exitCode);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    log.fatal(error.message);
    process.exit(error.exitCode);
  }
}

/**
 * Ends a command that serves nothing with what it says of a failure.
 * @param command as the user called it, `holdfast` left out
 * @throws `error` if it is no Failure
 */
export function endWithFailure(command: string, error: unknown): never {
  if (!(error instanceof Failure)) throw error;
  console.error(`holdfast ${command}: ${error.message}`);
  process.exit(error.exitCode);
}
