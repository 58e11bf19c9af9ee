/** The signals a daemon answers to. From here on none of them ends the process by itself. */
export class ProcessSignals {
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly stop: AbortSignal;
  /** What SIGHUP does; nothing until somebody sets it. */
  onHangUp: () => void = () => undefined;

  constructor() {
    const controller = new AbortController();
    this.stop = controller.signal;
    const stop = () => {
      controller.abort();
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    process.on('SIGHUP', () => {
      this.onHangUp();
    });
  }
}
