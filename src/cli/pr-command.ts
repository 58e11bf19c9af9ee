/** `holdfast pr`: the persistent reservations of a served disk, or of a device, seen and changed. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { ControlClient } from '../control/control-client.js';
import type { PrCommandJson, PrOutcomeJson } from '../control/reservation-json.js';
import { administrator } from '../library/open-device.js';
import { reservationTypes, type ReservationType } from '../pr/reservation.js';
import { ExitCode, Failure } from '../util/failure.js';
import { endWithFailure } from './end-with.js';
import { initiatorName, stateDirectoryOption } from './option-values.js';
import { migrateCommand } from './pr-migrate.js';
import { executeOnDevice } from './pr-on-device.js';
import { outcomeText } from './pr-text.js';

interface PrArguments {
  controlSocket?: string;
  disk?: string;
  stateDirectory: string;
  as: string;
  json?: true;
  watch?: true;
  key: string;
  newKey: string;
  victimKey: string;
  type: ReservationType;
  aptpl?: true;
}

type CommandOf = (args: PrArguments) => PrCommandJson;

/** A subcommand: its name, what it does, the options it needs, what it sends. */
type Subcommand = readonly [string, string, readonly (keyof typeof keyOptions)[], CommandOf];

const keyOptions = {
  key: () => keyOption('--key <key>', 'the key registered by the initiator').makeOptionMandatory(),
  registeredKey: () => keyOption('--key <key>', 'the key registered so far').default('0x0'),
  newKey: () =>
    keyOption('--new-key <key>', 'the key to register, 0 to unregister').makeOptionMandatory(),
  victimKey: () => keyOption('--victim-key <key>', 'the key to remove').makeOptionMandatory(),
  type: () =>
    new Option('--type <type>', 'of the reservation')
      .choices(reservationTypes)
      .makeOptionMandatory(),
  aptpl: () => new Option('--aptpl', 'keep registrations over a restart'),
};

const subcommands: readonly Subcommand[] = [
  ['keys', 'list the registered keys', [], () => ({ action: 'read-keys' })],
  ['reservation', 'show the reservation', [], () => ({ action: 'read-reservation' })],
  ['full-status', 'list who has registered what', [], () => ({ action: 'read-full-status' })],
  ['capabilities', 'show what the disk supports', [], () => ({ action: 'report-capabilities' })],
  [
    'register',
    'register, change or remove a key',
    ['registeredKey', 'newKey', 'aptpl'],
    ({ key, newKey, aptpl }) => ({
      action: 'register',
      prkey: key,
      serviceActionKey: newKey,
      aptpl: aptpl ?? false,
    }),
  ],
  [
    'register-ignore',
    'register a key whatever was registered before',
    ['newKey', 'aptpl'],
    ({ newKey, aptpl }) => ({
      action: 'register-and-ignore-existing-key',
      serviceActionKey: newKey,
      aptpl: aptpl ?? false,
    }),
  ],
  ['reserve', 'reserve the disk', ['key', 'type'], reserving('reserve')],
  ['release', 'release the reservation', ['key', 'type'], reserving('release')],
  [
    'clear',
    'remove the reservation and all registrations',
    ['key'],
    ({ key }) => ({ action: 'clear', prkey: key }),
  ],
  ['preempt', "remove others' registrations", ['key', 'victimKey', 'type'], preempting('preempt')],
  [
    'preempt-abort',
    "remove others' registrations and end their commands",
    ['key', 'victimKey', 'type'],
    preempting('preempt-and-abort'),
  ],
];

export function prCommand(): Command {
  const pr = new Command('pr').description(
    'see and change the persistent reservations of a served disk or of a device',
  );
  for (const [name, description, options, commandOf] of subcommands) {
    const command = new Command(name)
      .description(description)
      .argument('[device]', 'a device that nobody serves now: a multipath map, a disk, a namespace')
      .option('--control-socket <path>', 'control socket of holdfast serve')
      .option('--disk <path>', 'image or device, where the server has several')
      .addOption(stateDirectoryOption('what this host has registered on devices'))
      .addOption(
        new Option('--as <name>', 'the initiator that acts')
          .argParser(initiatorName)
          .default(administrator),
      )
      .option('--json', 'print JSON');
    for (const option of options) command.addOption(keyOptions[option]());
    if (options.length === 0) command.option('--watch', 'print it again after every change');
    pr.addCommand(
      command.action((device: string | undefined, args: PrArguments) =>
        run(device, args, commandOf(args)),
      ),
    );
  }
  pr.addCommand(migrateCommand());
  return pr;
}

async function run(
  device: string | undefined,
  args: PrArguments,
  command: PrCommandJson,
): Promise<void> {
  try {
    const outcome = await outcomeOf(device, args, command);
    process.exitCode = outcome === 'good' ? ExitCode.ok : ExitCode.refused;
  } catch (error) {
    endWithFailure('pr', error);
  }
}

async function outcomeOf(
  device: string | undefined,
  args: PrArguments,
  command: PrCommandJson,
): Promise<PrOutcomeJson['status']> {
  const { controlSocket, watch, as, stateDirectory } = args;
  if (device === undefined && controlSocket !== undefined) {
    const to = { ...args, controlSocket };
    return watch === true ? watchServer(to, command) : askServer(to, command);
  }
  if (device === undefined || controlSocket !== undefined || watch === true) {
    throw new Failure(
      ExitCode.usage,
      'give either a device or the --control-socket of who serves it, which --watch needs',
    );
  }
  return print(args, await executeOnDevice(device, as, stateDirectory, command));
}

type ServerArguments = PrArguments & { controlSocket: string };

async function askServer(
  args: ServerArguments,
  command: PrCommandJson,
): Promise<PrOutcomeJson['status']> {
  const client = await ControlClient.open(args.controlSocket);
  try {
    return await execute(client, args, command);
  } finally {
    client.close();
  }
}

/** Until the server ends. */
async function watchServer(
  args: ServerArguments,
  command: PrCommandJson,
): Promise<PrOutcomeJson['status']> {
  let last: Promise<PrOutcomeJson['status']> = Promise.resolve('good');
  const client = await ControlClient.open(args.controlSocket, () => {
    // One after the other, so that they are printed in order; an end shows in `closed`.
    last = last.then(() => execute(client, args, command)).catch(() => 'good' as const);
  });
  await client.request('pr.watch', diskOf(args));
  await client.closed;
  return last;
}

async function execute(
  client: ControlClient,
  args: PrArguments,
  command: PrCommandJson,
): Promise<PrOutcomeJson['status']> {
  const params = { ...diskOf(args), initiator: args.as, command };
  return print(args, (await client.request('pr.execute', params)) as PrOutcomeJson);
}

function print({ json }: PrArguments, outcome: PrOutcomeJson): PrOutcomeJson['status'] {
  console.log(json === true ? JSON.stringify(outcome) : outcomeText(outcome));
  return outcome.status;
}

function diskOf({ disk }: PrArguments): { disk?: string } {
  return disk === undefined ? {} : { disk };
}

function reserving(action: 'reserve' | 'release'): CommandOf {
  return ({ key, type }) => ({ action, prkey: key, type });
}

function preempting(action: 'preempt' | 'preempt-and-abort'): CommandOf {
  return ({ key, victimKey, type }) => ({
    action,
    prkey: key,
    serviceActionKey: victimKey,
    type,
  });
}

/** Hexadecimal, with or without 0x, as sg_persist and fence_scsi print and take keys. */
function keyOption(flags: string, description: string): Option {
  return new Option(flags, `${description}, hexadecimal`).argParser((text) => {
    const [, digits] = /^(?:0x)?([0-9a-f]{1,16})$/i.exec(text) ?? [];
    if (digits === undefined) {
      throw new InvalidArgumentError('It must have up to 16 hexadecimal digits.');
    }
    return `0x${digits.toLowerCase()}`;
  });
}
