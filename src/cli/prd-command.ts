/** `holdfast prd`: the reservation daemon. */
import { Command, Option } from 'commander';
import { loadNativeAddon } from '../native/load-native-addon.js';
import { ProcessSignals } from '../daemon/process-signals.js';
import { guardStarter, requireSuspendPrivilege, runGuard } from '../prd/guard-process.js';
import { hostNexus, KernelDevices } from '../prd/host-devices.js';
import { MapSuspender } from '../prd/map-suspender.js';
import { prd, type PrdEndpoint, type PrdOptions } from '../prd/prd.js';
import { createLogger } from '../telemetry/logger.js';
import { ExitCode } from '../util/failure.js';
import { passedSockets } from '../util/service-manager.js';
import { endWith } from './end-with.js';
import {
  fileMode,
  integerBetween,
  type SandboxArguments,
  sandboxOption,
  sandboxSettings,
  stateDirectoryOption,
  userOption,
} from './option-values.js';

interface PrdArguments extends SandboxArguments {
  socketPath?: string;
  fd?: number;
  prHelperSocketPath?: string;
  prHelperFd?: number;
  suspend?: true;
  stateDirectory: string;
  runtimeDirectory: string;
  socketMode: number;
}

const fdNumber = integerBetween(0, 2 ** 31 - 1);

export function prdCommand(): Command {
  return new Command('prd')
    .description('reservation daemon: persistent reservations on all paths, for other processes')
    .option('--socket-path <path>', "listen here for the daemon's own protocol")
    .addOption(
      new Option('--fd <number>', 'the same on an inherited listening socket')
        .argParser(fdNumber)
        .conflicts('socketPath'),
    )
    .option('--pr-helper-socket-path <path>', 'listen here for clients of qemu-pr-helper')
    .addOption(
      new Option('--pr-helper-fd <number>', 'the same on an inherited listening socket')
        .argParser(fdNumber)
        .conflicts('prHelperSocketPath'),
    )
    .option('--suspend', 'suspend maps of foreign data paths where that is needed (CAP_SYS_ADMIN)')
    .addOption(stateDirectoryOption('where registrations and unfinished commands are recorded'))
    .option(
      '--runtime-directory <path>',
      'where suspended maps are noted',
      process.env.RUNTIME_DIRECTORY ?? '/run/holdfast',
    )
    .addOption(
      new Option('--socket-mode <mode>', 'permission bits of the sockets')
        .argParser(fileMode)
        .default(0o660, '0660'),
    )
    .addOption(userOption())
    .addOption(sandboxOption())
    .action(async (args: PrdArguments, command: Command) => {
      await run(args, (message) => command.error(`error: ${message}`));
    });
}

/** Of the daemon's own making: see `guard-process.ts`. */
export function suspendGuardCommand(): Command {
  return new Command('suspend-guard').argument('<folder>').action(async (folder: string) => {
    await runGuard(loadNativeAddon(), folder);
    process.exit(ExitCode.ok);
  });
}

async function run(args: PrdArguments, refuse: (message: string) => never): Promise<void> {
  const log = createLogger();
  const signals = new ProcessSignals();
  const options = prdOptions(args);
  if (options.endpoint === undefined && options.prHelperEndpoint === undefined) {
    refuse('one of --socket-path, --fd, --pr-helper-socket-path and --pr-helper-fd is needed');
  }
  await endWith(log, async () => {
    const addon = loadNativeAddon();
    const suspender = args.suspend === true ? startSuspender(args, log) : undefined;
    const { stateDirectory } = args;
    const devices = new KernelDevices({ addon, stateDirectory, log }, await hostNexus());
    return prd(options, { addon, devices, suspender, log }, signals.stop);
  });
}

function prdOptions(args: PrdArguments): PrdOptions {
  const passed = [...passedSockets()];
  const [, passedPrHelper] = passed.find(([name]) => isPrHelper(name)) ?? [];
  const [, passedOwn] = passed.find(([name]) => !isPrHelper(name)) ?? [];
  const { socketPath, fd, prHelperSocketPath, prHelperFd, socketMode } = args;
  return {
    endpoint: endpointOf(socketPath, fd ?? passedOwn),
    prHelperEndpoint: endpointOf(prHelperSocketPath, prHelperFd ?? passedPrHelper),
    socketMode,
    sandbox: sandboxSettings(args),
  };
}

/** The name of a passed socket is its unit's unless FileDescriptorName= says otherwise. */
function isPrHelper(name: string): boolean {
  return name.includes('pr-helper');
}

function endpointOf(socketPath?: string, socketFd?: number): PrdEndpoint | undefined {
  if (socketPath !== undefined) return { socketPath };
  return socketFd === undefined ? undefined : { socketFd };
}

function startSuspender(
  { runtimeDirectory }: PrdArguments,
  log: ReturnType<typeof createLogger>,
): MapSuspender {
  requireSuspendPrivilege();
  const [, program = ''] = process.argv;
  return new MapSuspender({
    start: guardStarter(program, `${runtimeDirectory}/suspended`),
    onTrouble: (message) => {
      log.error(message);
    },
  });
}
