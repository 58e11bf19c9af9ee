/** `holdfast pr migrate`: carries a guest's reservations to the host that it migrates to. */
import { Command, Option } from 'commander';
import * as v from 'valibot';
import { ControlClient } from '../control/control-client.js';
import { ExitCode, Failure } from '../util/failure.js';
import { endWithFailure } from './end-with.js';

interface MigrateArguments {
  from: string;
  to: string;
}

const Status = v.object({
  disks: v.array(v.object({ disk: v.string(), lun: v.number(), carried: v.boolean() })),
});
const Left = v.object({ left: v.string() });

export function migrateCommand(): Command {
  return new Command('migrate')
    .description("carry a migrating guest's reservations of devices to the host that it goes to")
    .addOption(
      new Option(
        '--from <path>',
        'control socket of the server that has the guest',
      ).makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--to <path>',
        'control socket of the server that waits for it',
      ).makeOptionMandatory(),
    )
    .action(async (args: MigrateArguments) => {
      try {
        await migrate(args);
      } catch (error) {
        endWithFailure('pr migrate', error);
      }
    });
}

/** To be begun before the migration; ends when the guest has left, and what it left is there. */
async function migrate({ from, to }: MigrateArguments): Promise<void> {
  const source = await ControlClient.open(from);
  const destination = await ControlClient.open(to);
  try {
    const pairs = await carriedDisks(source, destination);
    // First of all, lest the guest go on there with what it left when it was there before.
    for (const { there } of pairs) await destination.request('pr.expect', { disk: there });
    await Promise.all(
      pairs.map(async ({ here, there }) => {
        console.log(`waiting for the guest of ${here} to leave`);
        const { left } = v.parse(Left, await source.request('pr.left', { disk: here }));
        await destination.request('pr.deliver', { disk: there, left });
        console.log(`the reservations of ${here} are delivered`);
      }),
    );
  } finally {
    source.close();
    destination.close();
  }
}

/** Disks with the same LUN are the same. */
async function carriedDisks(
  source: ControlClient,
  destination: ControlClient,
): Promise<{ here: string; there: string }[]> {
  const [here, there] = await Promise.all(
    [source, destination].map(async (server) =>
      v.parse(Status, await server.request('status', {})).disks.filter(({ carried }) => carried),
    ),
  );
  const pairs = (here ?? []).map(({ disk, lun }) => {
    const other = there?.find((each) => each.lun === lun);
    if (other !== undefined) return { here: disk, there: other.disk };
    throw new Failure(
      ExitCode.usage,
      `${disk} is LUN ${lun}, and the other server has no such disk that keeps its reservations itself`,
    );
  });
  if (pairs.length > 0) return pairs;
  throw new Failure(
    ExitCode.usage,
    'no disk of that server keeps its reservations itself: nothing has to be carried',
  );
}
