/** What a client may ask for in the daemon's own protocol. */
import type * as v from 'valibot';
import { checkedParams } from '../control/checked-params.js';
import { dataToJson, type PrDataJson } from '../control/reservation-json.js';
import type { PrCommand, PrInCommand } from '../pr/command.js';
import { prOutOpcode } from '../scsi/reservation-cdb.js';
import type { LogicalUnits } from './logical-units.js';
import type { FdRefusal, PassedDevice } from './passed-device.js';
import {
  type CheckedParams,
  errorCode,
  limits,
  type MethodName,
  type OpenResult,
  protocolVersion,
  schemas,
  type ScsiResult,
} from './protocol.js';
import { goodOrThrow, rpcError } from './rpc-error.js';
import { type Notify, UnitHandle } from './unit-handle.js';

const unitScope = 'logical-unit';

/** The methods' side of one connection. */
export class PrdClient {
  readonly handles = new Map<number, UnitHandle>();
  readonly #units: LogicalUnits;
  readonly #pid: number;
  readonly #notify: (handle: number) => Notify;
  #greeted = false;
  #lastHandle = 0;

  /**
   * @param pid of the process at the other end
   * @param notify tells it something about one of its handles
   */
  constructor(units: LogicalUnits, pid: number, notify: (handle: number) => Notify) {
    this.#units = units;
    this.#pid = pid;
    this.#notify = notify;
  }

  /** @throws JSONRPCErrorException if nothing but `hello` may be asked now */
  requireHello(): void {
    if (!this.#greeted) throw rpcError(errorCode.helloFirst, 'say hello first');
  }

  hello({ version }: CheckedParams<'hello'>): { version: number } {
    if (version !== protocolVersion) {
      throw rpcError(errorCode.versionNotSupported, `this is version ${protocolVersion}`, {
        version: protocolVersion,
      });
    }
    this.#greeted = true;
    return { version };
  }

  /** @param device what came with the request; undefined: nothing */
  async open({ attach }: CheckedParams<'open'>, device: Device): Promise<OpenResult> {
    if (device === undefined) {
      throw rpcError(errorCode.noDescriptor, 'no descriptor came with the request');
    }
    if ('refusal' in device) throw rpcError(errorCode.notADevice, device.refusal);
    const { writable } = device;
    if (attach !== undefined && !writable) throw readOnly();
    const hold = await this.#units.open(device);
    if ('refusal' in hold) throw rpcError(errorCode.notServed, hold.refusal);
    if (this.handles.size >= limits.handles) {
      hold.release();
      throw rpcError(errorCode.tooMany, `at most ${limits.handles} handles are open at a time`);
    }
    const handle = ++this.#lastHandle;
    const opened = new UnitHandle(hold, writable, this.#pid, this.#notify(handle));
    const refusal = attach === undefined ? undefined : opened.attach(attach.initiator);
    if (refusal !== undefined) {
      opened.disconnect();
      opened.release();
      throw rpcError(errorCode.attached, refusal);
    }
    this.handles.set(handle, opened);
    const { wwid, name } = hold.unit;
    return { handle, wwid, name, writable };
  }

  close({ handle }: CheckedParams<'close'>): void {
    const opened = this.#handle(handle);
    this.handles.delete(handle);
    opened.detach();
    opened.release();
  }

  register(params: CheckedParams<'register'>): Promise<unknown> {
    const { oldKey, newKey: serviceActionKey, ignoreKey, aptpl } = params;
    const shared = { serviceActionKey, aptpl, allTgPt: false };
    return this.#change(
      params,
      ignoreKey
        ? { action: 'register-and-ignore-existing-key', ...shared }
        : { action: 'register', prkey: oldKey, ...shared, specIPt: undefined },
    );
  }

  reserve(params: CheckedParams<'reserve'>): Promise<unknown> {
    const { key: prkey, type } = params;
    return this.#change(params, { action: 'reserve', prkey, scope: unitScope, type });
  }

  release(params: CheckedParams<'release'>): Promise<unknown> {
    const { key: prkey, type } = params;
    return this.#change(params, { action: 'release', prkey, scope: unitScope, type });
  }

  preempt(params: CheckedParams<'preempt'>): Promise<unknown> {
    const { key: prkey, victimKey: serviceActionKey, type, abort } = params;
    const action = abort ? 'preempt-and-abort' : 'preempt';
    return this.#change(params, { action, prkey, serviceActionKey, scope: unitScope, type });
  }

  clear(params: CheckedParams<'clear'>): Promise<unknown> {
    return this.#change(params, { action: 'clear', prkey: params.key });
  }

  /** One of the four reports. */
  async read(
    { handle }: { handle: number },
    action: PrInCommand['action'],
  ): Promise<PrDataJson | undefined> {
    const data = goodOrThrow(await this.#handle(handle).unit.execute({ action }));
    return data === undefined ? undefined : dataToJson(data);
  }

  async scsi({ handle, cdb, dataOut }: CheckedParams<'scsi'>): Promise<ScsiResult> {
    const opened = cdb[0] === prOutOpcode ? this.#changeable(handle) : this.#handle(handle);
    const { status, sense, dataIn } = await opened.unit.executeCdb(cdb, dataOut);
    return { status, sense: sense.toString('hex'), dataIn: dataIn.toString('hex') };
  }

  quiesced({ handle, id }: CheckedParams<'quiesced'>): void {
    this.#attached(handle).lease.confirm(id);
  }

  conflictMet({ handle }: CheckedParams<'conflictMet'>): void {
    this.#attached(handle).unit.conflictMet();
  }

  async #change({ handle }: { handle: number }, command: PrCommand): Promise<unknown> {
    goodOrThrow(await this.#changeable(handle).unit.execute(command));
    return null;
  }

  #handle(handle: number): UnitHandle {
    const opened = this.handles.get(handle);
    if (opened === undefined) throw rpcError(errorCode.unknownHandle, `no handle ${handle}`);
    return opened;
  }

  #changeable(handle: number): UnitHandle {
    const opened = this.#handle(handle);
    if (!opened.writable) throw readOnly();
    const { obstacle } = opened;
    if (obstacle !== undefined) throw rpcError(errorCode.attached, obstacle);
    return opened;
  }

  #attached(handle: number): UnitHandle {
    const opened = this.#handle(handle);
    if (!opened.attached) throw rpcError(errorCode.notAttached, `${handle} is not attached`);
    return opened;
  }
}

function readOnly() {
  return rpcError(
    errorCode.readOnlyDescriptor,
    'the descriptor was not opened for writing, so it allows no changes',
  );
}

type Device = PassedDevice | FdRefusal | undefined;

/** @throws JSONRPCErrorException, as it may reject, with what is to be answered */
type Method = (client: PrdClient, params: unknown, device: Device) => unknown;

function method<Params>(
  schema: v.GenericSchema<unknown, Params>,
  call: (client: PrdClient, params: Params, device: Device) => unknown,
): Method {
  return (client, given, device) => call(client, checkedParams(schema, given), device);
}

export const methods: Readonly<Record<MethodName, Method>> = {
  hello: method(schemas.hello, (client, params) => client.hello(params)),
  open: method(schemas.open, (client, params, device) => client.open(params, device)),
  close: method(schemas.close, (client, params) => {
    client.close(params);
  }),
  register: method(schemas.register, (client, params) => client.register(params)),
  reserve: method(schemas.reserve, (client, params) => client.reserve(params)),
  release: method(schemas.release, (client, params) => client.release(params)),
  preempt: method(schemas.preempt, (client, params) => client.preempt(params)),
  clear: method(schemas.clear, (client, params) => client.clear(params)),
  readKeys: method(schemas.readKeys, (client, params) => client.read(params, 'read-keys')),
  readReservation: method(schemas.readReservation, (client, params) =>
    client.read(params, 'read-reservation'),
  ),
  readFullStatus: method(schemas.readFullStatus, (client, params) =>
    client.read(params, 'read-full-status'),
  ),
  reportCapabilities: method(schemas.reportCapabilities, (client, params) =>
    client.read(params, 'report-capabilities'),
  ),
  scsi: method(schemas.scsi, (client, params) => client.scsi(params)),
  quiesced: method(schemas.quiesced, (client, params) => {
    client.quiesced(params);
  }),
  conflictMet: method(schemas.conflictMet, (client, params) => {
    client.conflictMet(params);
  }),
};
