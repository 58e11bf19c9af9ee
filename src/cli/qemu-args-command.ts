import { Command } from 'commander';
import { qemuLines } from '../frontends/qemu.js';

export function qemuArgsCommand(): Command {
  return new Command('qemu-args')
    .description('print the QEMU arguments that attach a guest to a served disk')
    .requiredOption('--socket-path <path>', 'socket of holdfast serve')
    .action(({ socketPath }: { socketPath: string }) => {
      console.log(qemuLines(socketPath));
    });
}
