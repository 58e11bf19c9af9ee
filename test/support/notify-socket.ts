/** The service manager's end of sd_notify(3). */
import koffi from 'koffi';
import { onTestFinished } from 'vitest';
import { scratchSocket } from './scratch.js';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, const uint8_t *address, uint length)');
const recv = libc.func('intptr_t recv(int fd, _Out_ uint8_t *data, size_t length, int flags)');
const close = libc.func('int close(int fd)');

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

export class NotifySocket {
  readonly path = scratchSocket();
  readonly #fd: number;

  constructor() {
    this.#fd = socket(AF_UNIX, SOCK_DGRAM, 0) as number;
    const address = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(this.path)]);
    if (bind(this.#fd, address, address.length) !== 0) throw new Error('bind failed');
    onTestFinished(() => {
      close(this.#fd);
    });
  }

  /** The oldest message that was not received yet; undefined: there is none. */
  receive(): string | undefined {
    const message = Buffer.alloc(1024);
    const length = Number(recv(this.#fd, message, message.length, MSG_DONTWAIT));
    return length < 0 ? undefined : message.toString('utf8', 0, length);
  }
}
