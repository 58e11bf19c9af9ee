/** `holdfast serve`, in the conventions of vhost-user's back-end programs (vhost-user.rst). */
import { Command, Option } from 'commander';
import { ProcessSignals } from '../daemon/process-signals.js';
import type { Endpoint, ServeOptions } from '../daemon/serve-options.js';
import { serve } from '../daemon/serve.js';
import { createLogger } from '../telemetry/logger.js';
import { ExitCode, Failure } from '../util/failure.js';
import { exitImmediately } from '../util/libc.js';
import { blockSize, fileMode, integerBetween, serial } from './option-values.js';

/** A vring index has 8 bits (VHOST_USER_VRING_IDX_MASK). */
const numQueuesMax = 256;
const pollMicrosecondsMax = 1000;

const capabilities = { type: 'block', features: ['read-only', 'blk-file'] };

/** What commander makes of the options. */
interface ServeArguments {
  socketPath?: string;
  fd?: number;
  connect?: string;
  blkFile: string;
  readOnly?: true;
  serial?: string;
  blkSize: number;
  numQueues: number;
  pollUs: number;
  ioEngine: ServeOptions['engine'];
  configWce?: true;
  socketMode: number;
}

export function serveCommand(): Command {
  return (
    new Command('serve')
      .description('serve a raw image or a block device as a vhost-user-blk back end')
      .addOption(new Option('--socket-path <path>', 'listen here').conflicts(['fd', 'connect']))
      .addOption(
        new Option('--fd <number>', 'serve on this inherited socket, listening or connected')
          .argParser(integerBetween(0, 2 ** 31 - 1))
          .conflicts('connect'),
      )
      .option('--connect <path>', 'connect here as a client, again after each disconnect')
      .requiredOption('--blk-file <path>', 'raw image or block device')
      .option('--read-only', 'refuse writes')
      .option(
        '--serial <text>',
        'serial number, at most 20 bytes (default: from the image)',
        serial,
      )
      .addOption(
        new Option('--blk-size <bytes>', 'logical block size')
          .argParser(blockSize)
          .default(0, "the device's own"),
      )
      .option(
        '--num-queues <number>',
        'most queues a front end may use',
        integerBetween(1, numQueuesMax),
        numQueuesMax,
      )
      .option(
        '--poll-us <microseconds>',
        'longest busy wait for the next request, 0 = none',
        integerBetween(0, pollMicrosecondsMax),
        50,
      )
      .addOption(
        new Option('--io-engine <name>', 'how I/O is submitted; auto probes the device')
          .choices(['auto', 'io_uring', 'libaio', 'sync'])
          .default('auto'),
      )
      .option('--config-wce', 'let the guest switch its write cache off and on')
      .addOption(
        new Option('--socket-mode <mode>', 'permission bits of the socket')
          .argParser(fileMode)
          .default(0o660, '0660'),
      )
      .option('--print-capabilities', 'print the capabilities as JSON and exit')
      // While parsing, as commander does --version: all other options are to be ignored.
      .on('option:print-capabilities', () => {
        console.log(JSON.stringify(capabilities));
        process.exit(ExitCode.ok);
      })
      .action(async (args: ServeArguments, command: Command) => {
        const endpoint = endpointOf(args);
        if (endpoint === undefined) {
          command.error('error: one of --socket-path, --fd and --connect is needed');
        }
        await run({
          endpoint,
          blkFile: args.blkFile,
          readOnly: args.readOnly ?? false,
          serial: args.serial,
          blockSize: args.blkSize,
          engine: args.ioEngine,
          numQueues: args.numQueues,
          pollMicroseconds: args.pollUs,
          configWce: args.configWce ?? false,
          socketMode: args.socketMode,
        });
      })
  );
}

function endpointOf(args: ServeArguments): Endpoint | undefined {
  if (args.socketPath !== undefined) return { socketPath: args.socketPath };
  if (args.fd !== undefined) return { socketFd: args.fd };
  if (args.connect !== undefined) return { connectPath: args.connect };
  return undefined;
}

async function run(options: ServeOptions): Promise<void> {
  const log = createLogger();
  const signals = new ProcessSignals();
  try {
    const exitCode = await serve(options, log, signals);
    if (exitCode === ExitCode.stuckIo) exitImmediately(exitCode);
    process.exit(exitCode);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    log.fatal(error.message);
    process.exit(error.exitCode);
  }
}
