/** Moving a guest from one QEMU to another. */
import { on, once } from 'node:events';
import { type QemuGuest } from './qemu-guest.js';

/** Where migration stops at the source; then it ends, or is told to go on. */
type Status = 'pre-switchover' | 'completed' | 'cancelled' | 'failed';

/** Lets a QEMU that was started with `incoming` take part; it does once. */
export async function expectGuest(destination: QemuGuest, socketPath: string): Promise<void> {
  await destination.qmp.execute('migrate-incoming', { uri: `unix:${socketPath}` });
}

/**
 * Copies the guest until it has stopped at the source: its rings have, too, but the destination
 * does not run yet.
 */
export async function copyGuest(source: QemuGuest, socketPath: string): Promise<void> {
  const { qmp } = source;
  const capabilities = ['events', 'pause-before-switchover'].map((capability) => ({
    capability,
    state: true,
  }));
  await qmp.execute('migrate-set-capabilities', { capabilities });
  // A guest that writes all the time on a slow machine is to be stopped some time.
  await qmp.execute('migrate-set-parameters', {
    ...{ 'downtime-limit': 5_000, 'max-bandwidth': 2 ** 30 },
  });
  const stopped = reaches(source, 'pre-switchover');
  await qmp.execute('migrate', { uri: `unix:${socketPath}` });
  await stopped;
}

/** Resolves when the guest runs at the destination; the source's QEMU has ended then. */
export async function switchGuest(source: QemuGuest, destination: QemuGuest): Promise<void> {
  const runs = once(destination.qmp, 'RESUME');
  const completed = reaches(source, 'completed');
  await source.qmp.execute('migrate-continue', { state: 'pre-switchover' });
  await completed;
  await runs;
  await source.quit();
}

/** The guest runs at the source again when this resolves; the destination's QEMU has ended. */
export async function cancelMigration(source: QemuGuest, destination: QemuGuest): Promise<void> {
  const cancelled = reaches(source, 'cancelled');
  const runs = once(source.qmp, 'RESUME');
  await source.qmp.execute('migrate_cancel');
  await cancelled;
  await runs;
  await destination.kill();
}

/** @throws if migration ends otherwise */
async function reaches({ qmp }: QemuGuest, wanted: Status): Promise<void> {
  const ends: readonly string[] = ['completed', 'cancelled', 'failed'];
  for await (const [{ status }] of on(qmp, 'MIGRATION') as AsyncIterable<[{ status: string }]>) {
    if (status === wanted) return;
    if (ends.includes(status)) throw new Error(`migration: ${status} instead of ${wanted}`);
  }
}
