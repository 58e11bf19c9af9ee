/**
 * Whether a promise settles in time.
 * @param ends that does not reject
 * @param milliseconds how long to wait for it
 */
export async function endsWithin(ends: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false);
  });
  return Promise.race([ends.then(() => true), late]).finally(() => {
    clearTimeout(timer);
  });
}
