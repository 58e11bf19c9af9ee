import type { AccessFence, FencePosition } from '../../../../src/emulated/access-fence.js';
import type { NexusId } from '../../../../src/pr/nexus.js';

/** Stands in for the data plane's fence: remembers positions, and drains when told to. */
export class RecordingFence implements AccessFence {
  readonly #positions = new Map<NexusId, FencePosition>();
  /** Called by every `drained`; what it resolves to is the answer. */
  drain: (nexusId: NexusId, timeoutMs: number) => Promise<boolean> = () => Promise.resolve(true);
  /** Told of every change. */
  onSet: (nexusId: NexusId, position: FencePosition) => void = () => undefined;

  set(nexusId: NexusId, position: FencePosition): void {
    this.#positions.set(nexusId, position);
    this.onSet(nexusId, position);
  }

  drained(nexusId: NexusId, timeoutMs: number): Promise<boolean> {
    return this.drain(nexusId, timeoutMs);
  }

  position(nexusId: NexusId): FencePosition {
    const position = this.#positions.get(nexusId);
    if (position === undefined) throw new Error(`the fence of ${nexusId} was never set`);
    return position;
  }

  /** `rw!`: reads, writes, attention pending. */
  text(nexusId: NexusId): string {
    const { reads, writes, attentionPending } = this.position(nexusId);
    return `${reads ? 'r' : ''}${writes ? 'w' : ''}${attentionPending ? '!' : ''}`;
  }
}
