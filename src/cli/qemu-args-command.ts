import { Command, Option } from 'commander';
import { qemuLines, type VhostUserDevice } from '../frontends/qemu.js';
import { deviceKind } from './option-values.js';

interface QemuArguments {
  socketPath: string;
  device: VhostUserDevice;
}

export function qemuArgsCommand(): Command {
  return new Command('qemu-args')
    .description('print the QEMU arguments that attach a guest to a served disk')
    .requiredOption('--socket-path <path>', 'socket of holdfast serve')
    .addOption(
      new Option('--device <kind>', 'what it serves: blk or scsi')
        .argParser(deviceKind)
        .default('blk'),
    )
    .action(({ socketPath, device }: QemuArguments) => {
      console.log(qemuLines(socketPath, device));
    });
}
