/**
 * What `work` resolves to, or undefined if that takes until after the deadline.
 * @param deadline on the clock of performance.now(), milliseconds
 */
export async function byDeadline<Value>(
  work: Promise<Value>,
  deadline: number,
): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
    }, deadline - performance.now());
  });
  try {
    return await Promise.race([work, timedOut]);
  } finally {
    clearTimeout(timer);
  }
}
