/** `holdfast prd` in a lab machine. */
import { type LabMachine } from './lab-machine.js';

export interface PrdOptions {
  prHelperSocket?: string;
  /** Of its own protocol. */
  socket?: string;
  /** How it is run: by default as the user holdfast without a capability. */
  as?: string;
  more?: string;
}

/** Starts the daemon, as `prd` to spawn and logged, and waits until it serves. */
export async function startPrd(host: LabMachine, options: PrdOptions): Promise<void> {
  const { prHelperSocket, socket, as = '$as_holdfast', more = '' } = options;
  const sockets = [
    prHelperSocket === undefined ? '' : `--pr-helper-socket-path ${prHelperSocket}`,
    socket === undefined ? '' : `--socket-path ${socket}`,
  ];
  await host.run(
    `
    install -d -o holdfast -g holdfast /run/holdfast
    install -d -m 1777 /run/lock/holdfast
    cd /run/holdfast
    spawn prd ${as} node /opt/holdfast/dist/cli/main.js prd ${more} --socket-mode 0666 \\
      ${sockets.join(' ')} --state-directory state --runtime-directory run
    logged prd serving $start_seconds`,
  );
}
