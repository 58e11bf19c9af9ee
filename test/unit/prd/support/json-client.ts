/** A client that knows of the daemon's own protocol only that it is lines of JSON. */
import type { PassedDevice, FdRefusal } from '../../../../src/prd/passed-device.js';
import type { FakeConnection } from './connections.js';
import type { FakeFds } from './fake-fds.js';

export interface Answer {
  id?: number | null;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

export interface Notification {
  method: string;
  params: Record<string, unknown>;
}

export class JsonClient {
  readonly connection: FakeConnection;
  readonly notifications: Notification[] = [];
  closed = false;
  readonly #fds: FakeFds;
  readonly #answers: Answer[] = [];
  #text = '';
  #lastId = 0;
  #waiting: (() => void)[] = [];

  constructor(connection: FakeConnection, fds: FakeFds) {
    this.connection = connection;
    this.#fds = fds;
    connection.start({
      onData: (data) => {
        this.#text += data.toString();
        const lines = this.#text.split('\n');
        this.#text = lines.pop() ?? '';
        for (const line of lines) {
          const message = JSON.parse(line) as Answer & Notification;
          if ('method' in message) this.notifications.push(message);
          else this.#answers.push(message);
        }
        this.#wake();
      },
      onEnd: () => {
        this.closed = true;
        this.#wake();
      },
    });
  }

  /** Sends a line as it is. */
  line(text: string, ...devices: (PassedDevice | FdRefusal)[]): void {
    const own = devices.map((device) => this.#fds.of(device));
    this.connection.send(Buffer.from(`${text}\n`), own);
    for (const fd of own) this.#fds.open.delete(fd);
  }

  async ask(
    method: string,
    params: object = {},
    ...devices: (PassedDevice | FdRefusal)[]
  ): Promise<Answer> {
    const id = ++this.#lastId;
    this.line(JSON.stringify({ jsonrpc: '2.0', id, method, params }), ...devices);
    return this.answer(id);
  }

  /** Waits for the answer to a request, undefined: of whatever id. */
  async answer(id?: number): Promise<Answer> {
    const find = () => this.#answers.findIndex((answer) => id === undefined || answer.id === id);
    await this.until(() => find() !== -1);
    const [answer] = find() === -1 ? [] : this.#answers.splice(find(), 1);
    return answer ?? { error: { code: 0, message: 'the connection is closed' } };
  }

  /** The error's code; undefined if it went well. */
  async codeOf(
    method: string,
    params: object = {},
    ...devices: (PassedDevice | FdRefusal)[]
  ): Promise<number | undefined> {
    return (await this.ask(method, params, ...devices)).error?.code;
  }

  /** Waits for a notification, the first that there was or will be, and takes it. */
  async notified(method: string): Promise<Record<string, unknown>> {
    const find = () => this.notifications.findIndex((known) => known.method === method);
    await this.until(() => find() !== -1);
    const [found] = this.notifications.splice(find(), 1);
    return found?.params ?? {};
  }

  /** Until that holds or the connection ends. */
  async until(done: () => boolean): Promise<void> {
    while (!this.closed && !done()) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
