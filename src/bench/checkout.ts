import { fileURLToPath } from 'node:url';

/** The absolute path of something in the checkout that this program was built in. */
export function checkoutPath(relative: string): string {
  return fileURLToPath(new URL(`../../${relative}`, import.meta.url));
}
