// forward.mjs FROM TO: passes connections on, as ssh -L does. Each is a socket's path or ADDRESS:PORT.
import { connect, createServer } from 'node:net';

const [from, to] = process.argv.slice(2).map((text) => {
  const [host, port] = text.split(':');
  return port === undefined ? { path: text } : { host, port: Number(port) };
});

createServer((socket) => {
  const other = connect(to);
  for (const [end, peer] of [
    [socket, other],
    [other, socket],
  ]) {
    end.pipe(peer);
    end.on('error', () => peer.destroy());
  }
}).listen(from, () => console.log('forwarding'));
