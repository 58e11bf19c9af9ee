#!/usr/bin/env node
import { createRequire } from 'node:module';
import { type Command, program, type CommanderError } from 'commander';
import { ExitCode } from '../util/failure.js';
import { benchCommand } from './bench-command.js';
import { doctorCommand } from './doctor-command.js';
import { prCommand } from './pr-command.js';
import { prdCommand, suspendGuardCommand } from './prd-command.js';
import { qemuArgsCommand } from './qemu-args-command.js';
import { serveCommand } from './serve-command.js';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

program
  .name('holdfast')
  .description("vhost-user back end that serves a QEMU guest's disk from the guest's own memory")
  .version(version)
  // The default, since vhost-user's back-end conventions know a program, no subcommands.
  .addCommand(serveCommand(), { isDefault: true })
  .addCommand(prCommand())
  .addCommand(doctorCommand())
  .addCommand(prdCommand())
  .addCommand(suspendGuardCommand(), { hidden: true })
  .addCommand(benchCommand())
  .addCommand(qemuArgsCommand());

function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsOf)];
}

function exit(error: CommanderError): never {
  process.exit(error.exitCode === 0 ? ExitCode.ok : ExitCode.usage);
}
for (const command of commandsOf(program)) command.exitOverride(exit);

await program.parseAsync();
