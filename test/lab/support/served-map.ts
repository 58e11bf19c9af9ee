import { type LabMachine } from './lab-machine.js';
import { ScriptedGuest } from './scripted-guest.js';

/** Serves the lab's map with the device's own reservations, without privileges. */
export async function serveMap(machine: LabMachine, keeper = 'device'): Promise<void> {
  await machine.run(
    `serve --device scsi --scsi-config --pr ${keeper} --blk-file $map \\
    --initiator-name iqn.2026-11.org.example:node1 --socket-path guest.sock`,
  );
}

/** The same, and a scripted guest of it. */
export async function guestOfMap(machine: LabMachine, keeper?: string): Promise<ScriptedGuest> {
  await serveMap(machine, keeper);
  return ScriptedGuest.attach(machine);
}

/** Key and type that scenarios use, unless they say otherwise. */
export const guestKey = 0xa1n;
export const otherKey = 0xf1n;
