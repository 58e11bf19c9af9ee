/** `holdfast doctor`: what stands between this host and reservations, and what to do about it. */
import { Command } from 'commander';
import { examine, isUnwell } from '../doctor/doctor.js';
import { examinationsText } from '../doctor/text.js';
import { thisHost } from '../doctor/this-host.js';
import { ExitCode } from '../util/failure.js';
import { endWithFailure } from './end-with.js';

interface DoctorArguments {
  json?: true;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check what reservations on a device of this host need, and say what to do')
    .argument('[device]', 'multipath map, SCSI disk or NVMe namespace; all maps by default')
    .option('--json', 'print JSON')
    .action(run);
}

async function run(device: string | undefined, { json }: DoctorArguments): Promise<void> {
  try {
    const examinations = await examine(thisHost(), device);
    console.log(json === true ? JSON.stringify(examinations) : examinationsText(examinations));
    process.exit(isUnwell(examinations) ? ExitCode.unwell : ExitCode.ok);
  } catch (error) {
    endWithFailure('doctor', error);
  }
}
