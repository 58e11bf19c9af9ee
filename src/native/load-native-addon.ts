import { errnoOf, ExitCode, Failure, messageOf } from '../util/failure.js';
import { loadAddon, type NativeAddon } from './addon.js';

/** @throws Failure (addonMissing) when the data plane isn't built, or was built for another system. */
export function loadNativeAddon(): NativeAddon {
  try {
    return loadAddon();
  } catch (error) {
    const advice =
      errnoOf(error) === 'MODULE_NOT_FOUND'
        ? 'the native addon is not built: run npm run build'
        : `the native addon can't be loaded, build it again with npm run build: ${messageOf(error)}`;
    throw new Failure(ExitCode.addonMissing, advice, { cause: error });
  }
}
