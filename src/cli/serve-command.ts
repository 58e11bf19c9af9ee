/** `holdfast serve`, in the conventions of vhost-user's back-end programs (vhost-user.rst). */
import { Command, Option } from 'commander';
import { ProcessSignals } from '../daemon/process-signals.js';
import { defaultInitiatorName } from '../daemon/initiator-name.js';
import type {
  DeviceKind,
  DiskSettings,
  Endpoint,
  GuestSettings,
  ReservationSettings,
  ServeOptions,
} from '../daemon/serve-options.js';
import { serve } from '../daemon/serve.js';
import type { Designator } from '../scsi/designator.js';
import { createLogger } from '../telemetry/logger.js';
import { directTransports, type TransportKind } from '../transports/open-transport.js';
import { ExitCode } from '../util/failure.js';
import { endWith } from './end-with.js';
import {
  blockSize,
  collected,
  designator,
  deviceKind,
  fileMode,
  initiatorName,
  integerBetween,
  type ReservationKeeper,
  reservationKeeper,
  type SandboxArguments,
  sandboxOption,
  sandboxSettings,
  serial,
  stateDirectoryOption,
  userOption,
} from './option-values.js';

/** A vring index has 8 bits (VHOST_USER_VRING_IDX_MASK). */
const numQueuesMax = 256;
/** Of a virtio-scsi device, beside its request queues: control and event queue. */
const scsiOtherQueues = 2;
const pollMicrosecondsMax = 1000;

const capabilities = { type: 'block', features: ['read-only', 'blk-file'] };

/** What commander makes of the options. */
interface ServeArguments extends SandboxArguments {
  socketPath?: string[];
  fd?: number[];
  connect?: string[];
  device: DeviceKind[];
  initiatorName: string[];
  blkFile: string[];
  takeover?: true;
  incoming?: true;
  readOnly?: true;
  serial: string[];
  designator: Designator[];
  pr: ReservationKeeper[];
  reservationState: string[];
  prTransport?: TransportKind;
  prSequential?: true;
  stateDirectory: string;
  blkSize: number;
  numQueues: number;
  pollUs: number;
  ioEngine: DiskSettings['engine'];
  configWce?: true;
  scsiPassthrough?: true;
  scsiConfig?: true;
  socketMode: number;
  controlSocket?: string;
}

export function serveCommand(): Command {
  return (
    new Command('serve')
      .description(
        'serve raw images or block devices to guests, as vhost-user-blk or vhost-user-scsi back end',
      )
      .addOption(
        new Option('--socket-path <path>', 'listen here; more than once: for several guests')
          .argParser(collected((text) => text))
          .conflicts(['fd', 'connect']),
      )
      .addOption(
        new Option('--fd <number>', 'serve on this inherited socket, listening or connected')
          .argParser(collected(integerBetween(0, 2 ** 31 - 1)))
          .conflicts('connect'),
      )
      .option(
        '--connect <path>',
        'connect here as a client, again after each disconnect',
        collected((text) => text),
      )
      .addOption(
        new Option(
          '--device <kind>',
          'blk or scsi; the nth for the nth guest, the last for all others',
        )
          .argParser(collected(deviceKind))
          .default([], 'blk'),
      )
      .addOption(
        new Option('--initiator-name <name>', "iSCSI name of the nth guest's nexus")
          .argParser(collected(initiatorName))
          .default([], 'from the socket'),
      )
      .addOption(
        new Option('--blk-file <path>', 'raw image or block device; the nth is LUN n of scsi')
          .argParser(collected((text) => text))
          .makeOptionMandatory(),
      )
      .option('--read-only', 'refuse writes')
      .option('--incoming', 'the guests come by migration: share the disks until they run here')
      .addOption(
        new Option(
          '--takeover',
          'in the place of the server at --control-socket, whose guests see a pause',
        ).conflicts('incoming'),
      )
      .addOption(
        new Option('--serial <text>', 'serial number of the nth disk, at most 20 bytes')
          .argParser(collected(serial))
          .default([], 'from the image'),
      )
      .addOption(
        new Option('--designator <name>', 'naa.HEX or eui.HEX, the SCSI name of the nth disk')
          .argParser(collected(designator))
          .default([], "the device's own, or from the serial"),
      )
      .addOption(
        new Option(
          '--pr <keeper>',
          "who keeps the nth disk's reservations: emulated, device or prd:SOCKET",
        )
          .argParser(collected(reservationKeeper))
          .default([], 'emulated'),
      )
      .addOption(
        new Option('--reservation-state <file>', "where the nth disk's emulated ones are kept")
          .argParser(collected((text) => text))
          .default([], 'IMAGE.reservations'),
      )
      .addOption(
        new Option(
          '--pr-transport <kind>',
          '--pr device: how commands reach its paths; otherwise the best that is permitted',
        ).choices(directTransports),
      )
      .option('--pr-sequential', '--pr device: for arrays that take no two REGISTERs at once')
      .addOption(stateDirectoryOption('--pr device: where journals are kept'))
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
      .option('--config-wce', 'blk: let the guest switch its write cache off and on')
      .option('--scsi-passthrough', 'blk: offer VIRTIO_BLK_F_SCSI, for reservations in-band')
      .option('--scsi-config', 'scsi: serve the config space, which user-mode Linux asks for')
      .addOption(
        new Option('--socket-mode <mode>', 'permission bits of the socket')
          .argParser(fileMode)
          .default(0o660, '0660'),
      )
      .option('--control-socket <path>', 'listen here for holdfast pr (JSON-RPC 2.0, mode 0600)')
      .addOption(userOption())
      .addOption(sandboxOption())
      .option('--print-capabilities', 'print the capabilities as JSON and exit')
      // While parsing, as commander does --version: all other options are to be ignored.
      .on('option:print-capabilities', () => {
        console.log(JSON.stringify(capabilities));
        process.exit(ExitCode.ok);
      })
      .action(async (args: ServeArguments, command: Command) => {
        const options = serveOptions(args, (message) => command.error(`error: ${message}`));
        await run(options);
      })
  );
}

function serveOptions(args: ServeArguments, refuse: (message: string) => never): ServeOptions {
  const endpoints = endpointsOf(args);
  if (endpoints.length === 0) refuse('one of --socket-path, --fd and --connect is needed');
  const guests = endpoints.map((endpoint, index): GuestSettings => ({
    endpoint,
    device: args.device[index] ?? args.device.at(-1) ?? 'blk',
    initiatorName: args.initiatorName[index] ?? defaultInitiatorName(endpoint, index),
  }));
  const disks = args.blkFile.map((blkFile, index): DiskSettings => ({
    blkFile,
    readOnly: args.readOnly ?? false,
    serial: args.serial[index],
    designator: args.designator[index],
    reservations: reservationSettings(args, index, guests),
    blockSize: args.blkSize,
    engine: args.ioEngine,
  }));
  for (const [option, values, most] of [
    ['--device', args.device, guests],
    ['--initiator-name', args.initiatorName, guests],
    ['--serial', args.serial, disks],
    ['--designator', args.designator, disks],
    ['--pr', args.pr, disks],
    ['--reservation-state', args.reservationState, disks],
  ] as const) {
    if (values.length > most.length) refuse(`${option} is given more than ${most.length} times`);
  }
  const names = guests.map((guest) => guest.initiatorName.toLowerCase());
  if (new Set(names).size < names.length) {
    refuse('two guests have the same --initiator-name: they could not be fenced apart');
  }
  if (args.pr.some(({ by }) => by !== 'emulated') && guests.length > 1) {
    refuse('a device with its own reservations takes one guest: to it all of a host are one');
  }
  if (disks.length > 1 && guests.some(({ device }) => device === 'blk')) {
    refuse('a blk device has one disk: give one --blk-file, or --device scsi');
  }
  if (args.incoming && args.pr.some(({ by }) => by === 'prd')) {
    refuse('--incoming takes no reservations of a daemon: they do not migrate');
  }
  if (args.incoming && !args.controlSocket && args.pr.some(({ by }) => by === 'device')) {
    refuse("--incoming needs a --control-socket, by which a device's reservations come");
  }
  if (args.takeover && args.controlSocket === undefined) {
    refuse('--takeover asks the running server by its --control-socket');
  }
  const anyScsi = guests.some(({ device }) => device === 'scsi');
  return {
    takeover: args.takeover ?? false,
    incoming: args.incoming ?? false,
    disks,
    guests,
    numQueues: anyScsi ? Math.min(args.numQueues, numQueuesMax - scsiOtherQueues) : args.numQueues,
    pollMicroseconds: args.pollUs,
    configWce: args.configWce ?? false,
    scsiPassthrough: args.scsiPassthrough ?? false,
    scsiConfig: args.scsiConfig ?? false,
    socketMode: args.socketMode,
    controlSocket: args.controlSocket,
    sandbox: sandboxSettings(args),
  };
}

function reservationSettings(
  args: ServeArguments,
  index: number,
  guests: readonly GuestSettings[],
): ReservationSettings {
  const [guest] = guests;
  const keeper = args.pr[index] ?? { by: 'emulated' };
  if (keeper.by === 'emulated' || guest === undefined) {
    return { by: 'emulated', statePath: args.reservationState[index] };
  }
  const { initiatorName } = guest;
  if (keeper.by === 'prd') return { ...keeper, initiatorName };
  return {
    by: 'device',
    initiatorName,
    journalFolder: args.stateDirectory,
    transport: args.prTransport,
    sequential: args.prSequential ?? false,
  };
}

function endpointsOf({ socketPath = [], fd = [], connect = [] }: ServeArguments): Endpoint[] {
  return [
    ...socketPath.map((socketPath) => ({ socketPath })),
    ...fd.map((socketFd) => ({ socketFd })),
    ...connect.map((connectPath) => ({ connectPath })),
  ];
}

async function run(options: ServeOptions): Promise<void> {
  const log = createLogger();
  const signals = new ProcessSignals();
  await endWith(log, () => serve(options, log, signals));
}
