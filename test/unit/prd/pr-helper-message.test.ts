import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { PassedFds } from '../../../src/fd-lines/passed-fds.js';
import { encodeReply, PrHelperReader } from '../../../src/prd/pr-helper-message.js';
import {
  persistentReserveIn,
  persistentReserveOut,
} from '../../support/persistent-reservations.js';
import { disk, FakeFds } from './support/fake-fds.js';
import { features, request } from './support/pr-helper-bytes.js';

const readKeys = request(persistentReserveIn('readKeys').cdb);
const out = persistentReserveOut({ action: 'register', newKey: 1n });
const list = out.dataOut ?? Buffer.alloc(0);
const register = request(out.cdb, list);

let fds: FakeFds;
let passed: PassedFds;
let reader: PrHelperReader;

beforeEach(() => {
  fds = new FakeFds();
  passed = new PassedFds(fds.lane());
  reader = new PrHelperReader(passed);
});

function afterFeatures(): void {
  expect(reader.push(features, [])).toBeUndefined();
}

/** What is wrong with it, and that no descriptor was kept. */
async function violation(data: Buffer, ...given: number[]): Promise<string> {
  const result = reader.push(data, given);
  await passed.end();
  expect(fds.open.size).toBe(0);
  return result !== undefined && 'violation' in result ? result.violation : 'none';
}

describe('PrHelperReader', () => {
  it('puts a request together however its bytes are cut', () => {
    const cuts = fc.array(fc.nat(30), { minLength: 1 });
    fc.assert(
      fc.property(cuts, fc.nat(15), (sizes, fdAt) => {
        const local = new PrHelperReader(passed);
        const fd = fds.of(disk);
        const bytes = Buffer.concat([features, register]);
        let got;
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const end = at + 1 + (sizes[turn % sizes.length] ?? 0);
          const withFd = at <= 4 + fdAt && 4 + fdAt < end;
          got = local.push(bytes.subarray(at, end), withFd ? [fd] : []);
          at = end;
        }
        expect(got).toEqual({ cdb: register.subarray(0, 16), dataOut: list, fd });
      }),
    );
  });

  it('takes one request after the other', () => {
    afterFeatures();
    expect(reader.push(readKeys, [fds.of(disk)])).toMatchObject({ cdb: readKeys });
    reader.answered();
    expect(reader.push(register, [fds.of(disk)])).toMatchObject({ dataOut: list });
  });

  it.each([
    ['features', Buffer.from([0, 0, 0, 1])],
    ['no descriptor', Buffer.concat([features, readKeys])],
    ['another command', Buffer.concat([features, request('12000000ff00')])],
  ])('ends the connection for %s', async (_, data) => {
    expect(await violation(data)).not.toBe('none');
  });

  it.each([
    ['two descriptors at once', readKeys, 2],
    ['another command with a descriptor', request('12000000ff00'), 1],
    ['more than 8 KiB to read', request('5e000000000000200100'), 1],
    ['more than 8 KiB of a list', request('5f000000000000200100'), 1],
    ['a list of 4 GiB', request('5f00000000ffffffff00'), 1],
    ['two requests at once', Buffer.concat([readKeys, readKeys]), 1],
    ['more than the list', Buffer.concat([register, Buffer.alloc(1)]), 1],
  ])('ends the connection for %s', async (_, data, count) => {
    afterFeatures();
    const given = Array.from({ length: count }, () => fds.of(disk));
    expect(await violation(data, ...given)).not.toBe('none');
  });

  it('takes 8 KiB', () => {
    afterFeatures();
    expect(reader.push(request('5e000000000000200000'), [fds.of(disk)])).toHaveProperty('cdb');
    reader.answered();
    const longest = request('5f000000000000200000', Buffer.alloc(8192));
    expect(reader.push(longest, [fds.of(disk)])).toHaveProperty('dataOut.length', 8192);
  });

  it('ends the connection for a second descriptor in the middle of a CDB', async () => {
    afterFeatures();
    expect(reader.push(readKeys.subarray(0, 8), [fds.of(disk)])).toBeUndefined();
    expect(await violation(readKeys.subarray(8), fds.of(disk))).not.toBe('none');
  });

  it('ends the connection for a descriptor that comes with the features only', async () => {
    expect(await violation(features, fds.of(disk))).not.toBe('none');
  });

  it('ends the connection for a descriptor that comes with the list', async () => {
    afterFeatures();
    expect(reader.push(register.subarray(0, 16), [fds.of(disk)])).toBeUndefined();
    expect(await violation(list, fds.of(disk))).not.toBe('none');
  });

  it('ends the connection for a byte that does not wait for the reply', async () => {
    afterFeatures();
    const first = reader.push(readKeys, [fds.of(disk)]);
    if (first === undefined || 'violation' in first) throw new Error('no request');
    passed.close(first.fd);
    expect(await violation(Buffer.alloc(1))).not.toBe('none');
  });

  it('ends the connection when descriptors pile up that cannot be closed', async () => {
    afterFeatures();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    fds.beforeClose = () => released;
    let requests = 0;
    for (; requests < 100; requests++) {
      const result = reader.push(readKeys, [fds.of(disk)]);
      if (result === undefined || 'violation' in result) break;
      passed.close(result.fd);
      reader.answered();
    }
    expect(requests).toBeLessThan(20);
    release();
    await passed.end();
    expect(fds.open.size).toBe(0);
  });
});

describe('encodeReply', () => {
  it('has status, size, 96 bytes of sense and the payload', () => {
    const sense = Buffer.from([0x70, 0, 5]);
    const bytes = encodeReply({ status: 2, sense, dataIn: Buffer.from('ab') });
    expect(bytes.length).toBe(4 + 4 + 96 + 2);
    expect(bytes.toString('hex', 0, 12)).toBe('000000020000000270000500');
    expect(bytes.toString('latin1', 104)).toBe('ab');
  });
});
