/**
 * How long a REGISTER takes on a real multipath device, in a lab machine under emulation: down one path,
 * through the fan-out, as a guest's whole command, and by mpathpersist. Prints a table; the figures
 * are not judged.
 */
import { expect, it } from 'vitest';
import { median } from '../../src/bench/statistics.js';
import { bring } from '../lab/support/bring.js';
import { type LabMachine } from '../lab/support/lab-machine.js';
import { labSetups } from '../lab/support/lab-setup.js';
import { serveMap } from '../lab/support/served-map.js';
import { describeOnKernels } from '../lab/support/use-lab.js';

const rounds = 200;
const programRounds = 20;

interface Figures {
  path1: number[];
  path2: number[];
  both: number[];
  step: number[];
  whole: number[];
}

async function fanOut(host: LabMachine): Promise<Figures> {
  await bring(host, 'map-reservations.mjs', 'fan-out-latency.mjs');
  const output = await host.run(`install -d -m 1777 /run/lock/holdfast
    $as_holdfast node /run/fan-out-latency.mjs $map ${rounds}`);
  return JSON.parse(output) as Figures;
}

async function wholeGuestCommands(host: LabMachine): Promise<number[]> {
  await bring(host, 'guest-latency.mjs');
  await serveMap(host);
  const program = `node /run/guest-latency.mjs /run/holdfast/guest.sock ${rounds}`;
  return JSON.parse(await host.run(`$as_holdfast ${program}`)) as number[];
}

/** Milliseconds of a program that changes a key to and fro; a shell command with $key and $next. */
async function program(host: LabMachine, command: string): Promise<number[]> {
  const output = await host.run(`
    key=a1 next=a2
    for round in $(seq ${programRounds}); do
      start=$(date +%s%N)
      ${command} >/dev/null
      echo $((($(date +%s%N) - start) / 1000))
      last=$key key=$next next=$last
    done`);
  return output
    .trim()
    .split('\n')
    .map((line) => Number(line) / 1000);
}

describeOnKernels(
  'a REGISTER over two paths',
  labSetups.loop,
  (lab) => {
    it('takes so long', async () => {
      const { host } = lab;
      const { path1, path2, both, step, whole } = await fanOut(host);
      const guest = await wholeGuestCommands(host);
      await host.run('kill $(cat $logs/serve.pid); wait_for "! running serve"');
      await host.run('sg_persist -n --out --register-ignore --param-sark=a1 /dev/lab/other-sg');
      const onePath = await program(
        host,
        'sg_persist -n --out --register --param-rk=$key --param-sark=$next /dev/lab/other-sg',
      );
      await host.run(`sg_persist -n --out --clear --param-rk=a1 /dev/lab/other-sg
        allow_mpathpersist
        mpathpersist --out --register-ignore --param-sark=a1 $map`);
      const mpathpersist = await program(
        host,
        'mpathpersist --out --register --param-rk=$key --param-sark=$next $map',
      );

      const slowest = Math.max(median(path1), median(path2));
      const rows: [string, number[]][] = [
        ['path 1 by itself', path1],
        ['path 2 by itself', path2],
        ['both at once', both],
        ["the fan-out's REGISTERs", step],
        ['the whole command in the fan-out', whole],
        ["a guest's whole command", guest],
        ['sg_persist, one path, with its start', onePath],
        ['mpathpersist, two paths, with its start', mpathpersist],
      ];
      console.log(
        [
          'REGISTER, median in milliseconds, and how many times the slower path by itself',
          ...rows.map(([what, values]) => {
            const middle = median(values);
            const ratio = (middle / slowest).toFixed(2);
            return `${what.padEnd(42)}${middle.toFixed(2).padStart(9)} ${ratio.padStart(8)}`;
          }),
        ].join('\n'),
      );
      expect(rows.every(([, values]) => values.every((value) => value > 0))).toBe(true);
    });
  },
  ['6.12'],
);
