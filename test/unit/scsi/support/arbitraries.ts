/** Whatever of reservations there can be, for property tests. */
import fc from 'fast-check';
import type { PrOutCommand } from '../../../../src/pr/command.js';
import { nexusOf } from '../../../../src/pr/nexus.js';
import type { FullStatusDescriptor, PrInData } from '../../../../src/pr/outcome.js';
import { reservationTypes } from '../../../../src/pr/reservation.js';
import type { TransportId } from '../../../../src/pr/transport-id.js';

export const uint16 = fc.nat(0xffff);
export const uint32 = fc.nat(0xffff_ffff);
export const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);

export const transportIds: fc.Arbitrary<TransportId> = fc.oneof(
  fc.record({ protocol: fc.constant('fibre-channel' as const), portName: uint64 }),
  fc.record({
    protocol: fc.constant('parallel-scsi' as const),
    scsiAddress: uint16,
    relativeTargetPort: uint16,
  }),
  fc.record({ protocol: fc.constant('sbp' as const), eui64: uint64 }),
  fc.record({
    protocol: fc.constant('srp' as const),
    initiatorPort: fc.bigInt(0n, 2n ** 128n - 1n),
  }),
  fc.record({
    protocol: fc.constant('iscsi' as const),
    name: fc.stringMatching(/^iqn\.2026-0[1-9]\.[a-z0-9][a-z0-9.:-]{0,200}$/),
    isid: fc.option(fc.bigInt(0n, 2n ** 48n - 1n), { nil: undefined }),
  }),
  fc.record({ protocol: fc.constant('sas' as const), address: uint64 }),
  fc.record({ protocol: fc.constant('sop' as const), routingId: uint16 }),
);

const prkey = uint64;
const serviceActionKey = uint64;
const aptpl = fc.boolean();
const allTgPt = fc.boolean();
const scopeAndType = {
  scope: fc.constantFrom('logical-unit' as const, undefined),
  type: fc.constantFrom(...reservationTypes, undefined),
};

/** @param ports TransportIDs that SPEC_I_PT and REGISTER AND MOVE may name */
export function prOutCommandsNaming(ports: fc.Arbitrary<TransportId>): fc.Arbitrary<PrOutCommand> {
  return fc.oneof(
    fc.record({
      action: fc.constant('register' as const),
      prkey,
      serviceActionKey,
      aptpl,
      allTgPt,
      specIPt: fc.option(fc.array(ports, { maxLength: 5 }), { nil: undefined }),
    }),
    fc.record({
      action: fc.constant('register-and-ignore-existing-key' as const),
      serviceActionKey,
      aptpl,
      allTgPt,
    }),
    fc.record({
      action: fc.constantFrom('reserve' as const, 'release' as const),
      prkey,
      ...scopeAndType,
    }),
    fc.record({ action: fc.constant('clear' as const), prkey }),
    fc.record({
      action: fc.constantFrom('preempt' as const, 'preempt-and-abort' as const),
      prkey,
      serviceActionKey,
      ...scopeAndType,
    }),
    fc.record({
      action: fc.constant('register-and-move' as const),
      prkey,
      serviceActionKey,
      unregister: fc.boolean(),
      aptpl,
      relativeTargetPort: uint16,
      destination: ports,
    }),
    fc.record({
      action: fc.constant('replace-lost-reservation' as const),
      prkey,
      serviceActionKey,
      aptpl,
      ...scopeAndType,
    }),
  );
}

export const prOutCommands = prOutCommandsNaming(transportIds);

const reservations = fc.record({
  scope: fc.constant('logical-unit' as const),
  type: fc.constantFrom(...reservationTypes),
});

const registrations: fc.Arbitrary<FullStatusDescriptor> = fc
  .record({
    key: uint64,
    transportId: transportIds,
    port: uint16,
    allTgPt,
    reservation: fc.option(reservations, { nil: undefined }),
  })
  // With ALL_TG_PT the port identifier is not valid, and shown as zero.
  .map(({ transportId, port, ...rest }) => ({
    ...rest,
    nexus: nexusOf(transportId, rest.allTgPt ? 0 : port),
  }));

export const prInData: fc.Arbitrary<PrInData> = fc.oneof(
  fc.record({
    action: fc.constant('read-keys' as const),
    generation: uint32,
    keys: fc.array(uint64, { maxLength: 40 }),
  }),
  fc.record({
    action: fc.constant('read-reservation' as const),
    generation: uint32,
    reservation: fc.option(
      fc.tuple(uint64, reservations).map(([key, held]) => ({ key, ...held })),
      { nil: undefined },
    ),
  }),
  fc.record({
    action: fc.constant('report-capabilities' as const),
    capabilities: fc.record({
      replaceLostReservation: fc.boolean(),
      compatibleReservationHandling: fc.boolean(),
      specIPt: fc.boolean(),
      allTgPt,
      persistThroughPowerLoss: fc.boolean(),
      persistThroughPowerLossActive: fc.boolean(),
      allowCommands: fc.nat(7),
      types: fc.subarray([...reservationTypes]),
    }),
  }),
  fc.record({
    action: fc.constant('read-full-status' as const),
    generation: uint32,
    registrations: fc.array(registrations, { maxLength: 12 }),
  }),
);
