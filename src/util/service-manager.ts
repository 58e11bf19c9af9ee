/** systemd's two conventions for daemons: sockets it passes, and the news that all is ready. */
import koffi from 'koffi';

/** SD_LISTEN_FDS_START (sd_listen_fds(3)) */
const firstPassedFd = 3;

/**
 * The listening sockets that were passed (sd_listen_fds(3)), by their FileDescriptorName=. They are
 * no longer in the environment then, so that no child takes them for its own.
 */
export function passedSockets(
  environment: NodeJS.ProcessEnv = process.env,
  pid = process.pid,
): Map<string, number> {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = '' } = environment;
  delete environment.LISTEN_PID;
  delete environment.LISTEN_FDS;
  delete environment.LISTEN_FDNAMES;
  if (LISTEN_PID !== String(pid)) return new Map();
  const names = LISTEN_FDNAMES.split(':');
  return new Map(
    Array.from({ length: Number(LISTEN_FDS) || 0 }, (_, index) => [
      names[index] ?? '',
      firstPassedFd + index,
    ]),
  );
}

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const sendto = libc.func(
  'intptr_t sendto(int fd, const uint8_t *data, size_t length, int flags, const uint8_t *address, uint addressLength)',
);
const close = libc.func('int close(int fd)');

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;

/**
 * Tells the service manager, if there is one that wants to know (sd_notify(3)).
 * @param state such as `READY=1`
 */
export function notifyServiceManager(
  state: string,
  path: string | undefined = process.env.NOTIFY_SOCKET,
): void {
  if (path === undefined || path === '') return;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  // An abstract name begins with a null, written as @.
  const address = Buffer.concat([family, Buffer.from(path.replace(/^@/, '\0'))]);
  const message = Buffer.from(state);
  const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0) as number;
  if (fd < 0) return;
  sendto(fd, message, message.length, MSG_DONTWAIT_NOSIGNAL, address, address.length);
  close(fd);
}
