/** The ways to a server beside a path that it listens at. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { RawFrontEnd } from './raw-front-end.js';

/**
 * A command that runs another one with a socket as fd 3.
 * @param socketPath where that listens, or is connected to
 */
export function passFd(how: 'listen' | 'connect', socketPath: string): string[] {
  const makeSocket = {
    listen: 'bind(S, $address) && listen(S, 1) or die $!;',
    connect: 'connect(S, $address) or die $!;',
  };
  const script = `use Socket; $^F = 3; my $address = pack_sockaddr_un(shift);
    socket(S, PF_UNIX, SOCK_STREAM, 0) or die $!; fileno(S) == 3 or die "fd " . fileno(S);
    ${makeSocket[how]} exec @ARGV or die $!;`;
  return ['perl', '-e', script, socketPath];
}

/** A front end that listens, for servers that connect to it. */
export async function listening(socketPath: string): Promise<Server> {
  const server = createServer().listen(socketPath);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return server;
}

/** Resolves when a server has connected. */
export async function nextFrontEnd(server: Server): Promise<RawFrontEnd> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  return new RawFrontEnd(socket);
}
