/**
 * Connecting to a unix stream socket: Node has neither abstract addresses nor the peer's
 * credentials. Returns at once, since both ends are on this host and it is non-blocking.
 */
import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const connect = libc.func('int connect(int fd, const uint8_t *address, uint32_t length)');
const getsockopt = libc.func(
  'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *length)',
);

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const credentialsLength = 12;
/** sizeof(sun_path). */
const pathMax = 108;

export interface ConnectedSocket {
  /** Belongs to the caller. */
  readonly fd: number;
  /** Of the process that listens, as it was when it began to. */
  readonly peerUid: number;
}

/**
 * @param address a path, or `@` and an abstract name
 * @throws Error with the errno's name in `code`: ENOENT or ECONNREFUSED if nobody listens, EAGAIN if
 * the listener's queue is full
 */
export function connectUnixSocket(address: string): ConnectedSocket {
  const fd = checked(
    'socket',
    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) as number,
  );
  try {
    const sockaddr = encodeAddress(address);
    checked('connect', connect(fd, sockaddr, sockaddr.length) as number);
    const credentials = Buffer.alloc(credentialsLength);
    const length = [credentialsLength];
    checked('getsockopt', getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) as number);
    // struct ucred: pid, uid, gid.
    return { fd, peerUid: credentials.readUInt32LE(4) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** struct sockaddr_un; an abstract name begins with a NUL and ends where the length says. */
function encodeAddress(address: string): Buffer {
  const name = Buffer.from(address.startsWith('@') ? `\0${address.slice(1)}` : `${address}\0`);
  if (name.length > pathMax) throw failed('connect', 'ENAMETOOLONG');
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}

function checked(call: string, result: number): number {
  if (result >= 0) return result;
  throw failed(call, getSystemErrorName(-koffi.errno()));
}

function failed(call: string, code: string): Error {
  return Object.assign(new Error(`${call}: ${code}`), { code });
}
