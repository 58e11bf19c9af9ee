/** The process's exit codes; README.md has the same table with what to do about each. */
export const ExitCode = {
  ok: 0,
  internal: 1,
  usage: 2,
  image: 3,
  imageInUse: 4,
  socket: 5,
  addonMissing: 6,
  stuckIo: 7,
  refused: 8,
  unwell: 9,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** An error the user can do something about: its message says what, and no stack is shown. */
export class Failure extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Failure';
    this.exitCode = exitCode;
  }
}

/** What was asked for can't be done as things are; the message says why. */
export function refusal(message: string, options?: ErrorOptions): Failure {
  return new Failure(ExitCode.refused, message, options);
}

/** The errno name (`ENOENT`) of an error thrown by Node or by the addon, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
