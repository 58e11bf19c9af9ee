/** A guest with a device's own reservations that goes from one lab machine to the other and back. */

import { expect } from 'vitest';

import { writeExclusiveRegistrantsOnly as type } from '../../support/persistent-reservations.js';
import { bring } from './bring.js';
import { type LabMachine } from './lab-machine.js';
import { asOther, registered } from './reservations.js';
import { ScriptedGuest } from './scripted-guest.js';
import { guestKey as key } from './served-map.js';

const address = '10.0.0.1:7000';
const control = '/run/holdfast/control.sock';

/** A machine that the guest can run on. */
export class Side {
  readonly machine: LabMachine;
  /** Of the other side's server, as it is reached from here. */
  readonly other: string;

  constructor(machine: LabMachine, other: string) {
    this.machine = machine;
    this.other = other;
  }

  /** Begins to serve the guest, which is here or comes by migration. */
  async serve(...more: string[]): Promise<void> {
    await this.machine.run(
      `serve --device scsi --scsi-config --pr device --blk-file $map ${more.join(' ')} \\
      --initiator-name iqn.2026-11.org.example:moving --socket-path guest.sock \\
      --control-socket ${control}`,
    );
  }

  /** The front end; where the guest is to come by migration its commands wait until it is there. */
  attach(): Promise<ScriptedGuest> {
    return ScriptedGuest.attach(this.machine);
  }

  /** Carries the guest's reservations to this side; returns when it waits for the guest to leave. */
  async carry(): Promise<void> {
    await this.machine.run(
      `spawn migrate node /opt/holdfast/dist/cli/main.js pr migrate --from ${this.other} --to ${control}
      logged migrate waiting`,
    );
  }

  /** Waits until what `carry` began has ended well. */
  async carried(): Promise<void> {
    await this.machine.run("logged migrate 'are delivered'");
  }
}

/**
 * Both machines of the set-up two-hosts, each able to reach the other's server.
 * @returns the target's, and the initiator's
 */
export async function sides(host: LabMachine, peer: LabMachine): Promise<[Side, Side]> {
  const forward = async (machine: LabMachine, name: string, from: string, to: string) => {
    await bring(machine, 'forward.mjs');
    await machine.run(
      `spawn ${name} node /run/forward.mjs ${from} ${to}; logged ${name} forwarding`,
    );
  };
  await forward(host, 'offer', address, control);
  await forward(peer, 'reach', '/run/host.sock', address);
  await forward(peer, 'offer', '10.0.0.2:7000', control);
  await forward(host, 'reach', '/run/peer.sock', '10.0.0.2:7000');
  return [new Side(host, '/run/peer.sock'), new Side(peer, '/run/host.sock')];
}

/** As a guest of QEMU's: its front end there is connected before the guest leaves here. */
export async function move(guest: ScriptedGuest, to: Side): Promise<ScriptedGuest> {
  await to.carry();
  const arriving = to.attach();
  await guest.migration('begin');
  await guest.migration('stop');
  const arrived = await arriving;
  await to.carried();
  await guest.leave();
  return arrived;
}

/** Registers and reserves, another host registered beside it. */
export async function reserved(source: Side): Promise<ScriptedGuest> {
  const guest = await source.attach();
  expect(await guest.insist({ action: 'register', newKey: key })).toBe('good');
  expect(await guest.insist({ action: 'reserve', key, type })).toBe('good');
  await asOther(source.machine, '--register --param-sark=f1');
  await registered(source.machine, 'a1', 2);
  return guest;
}
