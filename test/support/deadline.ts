/** Rejects, naming `what`, if `outcome` isn't there within `milliseconds`. */
export async function within<T>(
  milliseconds: number,
  what: string,
  outcome: Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what}: not within ${milliseconds} ms`));
    }, milliseconds);
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}
