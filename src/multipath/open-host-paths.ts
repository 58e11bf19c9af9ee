import type { NativeAddon } from '../native/addon.js';
import type { OpenTransportOptions } from '../transports/open-transport.js';
import { endsWithin } from '../util/ends-within.js';
import type { DeviceEvents } from './device-events.js';
import { HostPaths } from './host-paths.js';
import type { UnitDevice } from './logical-unit.js';
import { Multipathd } from './multipathd.js';
import { pathOpener } from './path-opener.js';
import { Sysfs } from './sysfs.js';
import { watchPaths } from './watch-paths.js';

/** How long the first look may take, milliseconds; a path that hangs is down then. */
const firstLook = 3000;

export interface OpenHostPathsOptions {
  readonly addon: Pick<NativeAddon, 'createLane' | 'connectForFds'>;
  readonly device: UnitDevice;
  /** The transport of all paths; the best by default. */
  readonly transport: Pick<OpenTransportOptions, 'kind' | 'helperSocket'>;
  /** Shared by all devices of a process. */
  readonly events: DeviceEvents;
  /** Told of each path that comes, goes or changes its state. */
  readonly report: (message: string) => void;
}

export interface OpenHostPaths {
  readonly paths: HostPaths;
  /** Stops watching and closes all paths. */
  close(): Promise<void>;
}

/** Opens all paths of a logical unit of this host and watches them. */
export async function openHostPaths(options: OpenHostPathsOptions): Promise<OpenHostPaths> {
  const { addon, device, transport, events, report } = options;
  const paths = new HostPaths({
    sysfs: new Sysfs(),
    device,
    open: pathOpener(addon, transport),
    multipathd: new Multipathd(),
    report,
  });
  await paths.refreshPlaces();
  const endWatch = watchPaths(paths, events);
  await endsWithin(paths.proven(), firstLook);
  return {
    paths,
    close: () => {
      endWatch();
      return paths.close();
    },
  };
}
