import { beforeEach, describe, expect, it } from 'vitest';
import { type Cluster, clusterDisk, initiatorName } from '../../support/cluster.js';
import { type GuestProcess } from '../../support/guest-process.js';
import {
  clearReservations,
  registeredKeys,
  reservation,
  sgExit,
  sgPersist,
  sgPersistCommand,
} from '../../support/sg-persist.js';

interface Type {
  code: number;
  text: string;
  /** Every registrant holds it, and READ RESERVATION names none. */
  allRegistrants: boolean;
  /** What a registrant may do that doesn't hold it. */
  registered: Access;
  unregistered: Access;
}

type Access = 'read and write' | 'read' | 'nothing';

const types: Type[] = [
  type(1, 'Write Exclusive', 'read', 'read'),
  type(3, 'Exclusive Access', 'nothing', 'nothing'),
  type(5, 'Write Exclusive, registrants only', 'read and write', 'read'),
  type(6, 'Exclusive Access, registrants only', 'read and write', 'nothing'),
  type(7, 'Write Exclusive, all registrants', 'read and write', 'read'),
  type(8, 'Exclusive Access, all registrants', 'read and write', 'nothing'),
];

function type(code: number, text: string, registered: Access, unregistered: Access): Type {
  return { code, text, allRegistrants: code >= 7, registered, unregistered };
}

const conflictInGuest = 'Invalid exchange';

const read = `dd if=${clusterDisk} of=/dev/null bs=4k count=1 iflag=direct`;
const write = `dd if=/dev/zero of=${clusterDisk} bs=4k count=1 oflag=direct`;

async function expectAccess(node: GuestProcess, access: Access): Promise<void> {
  const permitted: string[] = { 'read and write': [read, write], read: [read], nothing: [] }[
    access
  ];
  for (const script of [read, write]) {
    if (permitted.includes(script)) await node.run(script);
    else await expect(node.run(script)).rejects.toThrow(conflictInGuest);
  }
}

/** Every action of sg_persist, from two nodes. */
export function describeSgPersist(cluster: Cluster): void {
  describe('sg_persist', () => {
    beforeEach(() => clearReservations(cluster.one));

    const register = (node: GuestProcess, key: number) =>
      sgPersist(node, `--out --register --param-sark=${key}`);
    const registerBoth = async () => {
      await register(cluster.one, 1);
      await register(cluster.two, 2);
    };
    const writeExclusiveRegistrantsOnly = 5;
    const reserve = (node: GuestProcess, key: number, type = writeExclusiveRegistrantsOnly) =>
      sgPersist(node, `--out --reserve --param-rk=${key} --prout-type=${type}`);

    it('registers, changes and removes a key', async () => {
      const { one, two } = cluster;
      await registerBoth();
      expect(await registeredKeys(two)).toEqual(['1', '2']);
      await sgPersist(one, '--out --register --param-rk=1 --param-sark=11');
      expect(await registeredKeys(two)).toEqual(['11', '2']);
      await expect(sgPersist(one, '--out --register --param-rk=1 --param-sark=12')).rejects.toThrow(
        sgExit.reservationConflict,
      );
      await sgPersist(one, '--out --register --param-rk=11 --param-sark=0');
      expect(await registeredKeys(two)).toEqual(['2']);
    });

    it('registers whatever was registered before', async () => {
      await register(cluster.one, 1);
      await sgPersist(cluster.one, '--out --register-ignore --param-sark=12');
      expect(await registeredKeys(cluster.one)).toEqual(['12']);
    });

    it('registers the other node too, by its TransportID', async () => {
      const node2 = `--transport-id=${initiatorName(2)}`;
      await sgPersist(cluster.one, `--out --register --param-sark=5 ${node2}`);
      expect(await registeredKeys(cluster.two)).toEqual(['5', '5']);
      await reserve(cluster.two, 5);
      const status = await sgPersist(cluster.one, '--in --read-full-status');
      expect(status.match(/Key=0x5/g)).toHaveLength(2);
      expect(status).toContain(initiatorName(1));
      expect(status.split(initiatorName(2))[0]).toContain('<< Reservation holder >>');
    });

    it('shows whether registrations outlast a loss of power', async () => {
      const active = async () => {
        const text = await sgPersist(cluster.one, '--in --report-capabilities');
        return /\(PTPL_A\): (\d)/.exec(text)?.[1];
      };
      await register(cluster.one, 1);
      expect(await active()).toBe('0');
      await sgPersist(cluster.one, '--out --register-ignore --param-sark=1 --param-aptpl');
      expect(await active()).toBe('1');
    });

    it('reports every type as supported', async () => {
      const capabilities = await sgPersist(cluster.one, '--in --report-capabilities');
      for (const { text } of types) expect(capabilities).toContain(`${text}: 1`);
    });

    it.each(types)('reserves and releases $text', async (type) => {
      const { one, two } = cluster;
      await register(one, 1);
      await reserve(one, 1, type.code);
      const key = type.allRegistrants ? '0' : '1';
      expect(await reservation(two)).toEqual({ key, type: type.text });
      await expectAccess(two, type.unregistered);
      await register(two, 2);
      await expectAccess(two, type.registered);
      await expectAccess(one, 'read and write');

      const other = type.code === 1 ? 3 : 1;
      await expect(reserve(two, 2, other)).rejects.toThrow(sgExit.reservationConflict);
      if (type.allRegistrants) await reserve(two, 2, type.code);
      else {
        await expect(reserve(two, 2, type.code)).rejects.toThrow(sgExit.reservationConflict);
        // Of a registrant that holds nothing: GOOD, and nothing happens.
        await sgPersist(two, `--out --release --param-rk=2 --prout-type=${type.code}`);
        expect(await reservation(two)).toEqual({ key, type: type.text });
      }
      await expect(
        sgPersist(one, `--out --release --param-rk=1 --prout-type=${other}`),
      ).rejects.toThrow(sgExit.illegalRequest);
      await sgPersist(one, `--out --release --param-rk=1 --prout-type=${type.code}`);
      expect(await reservation(two)).toBeUndefined();
      await expectAccess(two, 'read and write');
    });

    it('clears, which the other node is told', async () => {
      const { one, two } = cluster;
      await registerBoth();
      await reserve(one, 1);
      await sgPersist(two, '--out --clear --param-rk=2');
      await expect(one.run(`${sgPersistCommand('--in --read-keys')} 2>&1`)).rejects.toThrow(
        'Reservations preempted',
      );
      expect(await registeredKeys(one)).toEqual([]);
      expect(await reservation(one)).toBeUndefined();
    });

    it.each(['preempt', 'preempt-abort'])('%ss, which the other node is told', async (action) => {
      const { one, two } = cluster;
      await registerBoth();
      await reserve(one, 1);
      const type = 'Exclusive Access, registrants only';
      await sgPersist(two, `--out --${action} --param-rk=2 --param-sark=1 --prout-type=6`);
      await expect(one.run(`${sgPersistCommand('--in --read-keys')} 2>&1`)).rejects.toThrow(
        'Registrations preempted',
      );
      expect(await registeredKeys(one)).toEqual(['2']);
      expect(await reservation(one)).toEqual({ key: '2', type });
      await expectAccess(one, 'nothing');
    });

    it('moves the reservation to the other node', async () => {
      const { one, two } = cluster;
      await register(one, 1);
      await reserve(one, 1);
      await sgPersist(
        one,
        `--out --register-move --param-rk=1 --param-sark=7 --unreg --relative-target-port=1 \
           --transport-id=${initiatorName(2)}`,
      );
      expect(await registeredKeys(one)).toEqual(['7']);
      expect((await reservation(one))?.key).toBe('7');
      await expectAccess(one, 'read');
      await expectAccess(two, 'read and write');
    });

    it('is refused to replace a lost reservation, which can not get lost here', async () => {
      await expect(sgPersist(cluster.one, '--out --replace-lost --param-sark=1')).rejects.toThrow(
        sgExit.illegalRequest,
      );
    });
  });
}
