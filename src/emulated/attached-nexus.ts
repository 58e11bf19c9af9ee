import type { MediumAccess } from '../pr/access.js';
import type { NexusId } from '../pr/nexus.js';
import { UnitAttentions } from '../pr/unit-attention.js';
import type { AccessFence } from './access-fence.js';

/** A nexus with a guest behind it: keeps its native fence in line with what it may do now. */
export class AttachedNexus {
  readonly id: NexusId;
  readonly unitAttentions: UnitAttentions;
  readonly #fence: AccessFence;
  #access: MediumAccess;

  constructor(id: NexusId, fence: AccessFence, access: MediumAccess) {
    this.id = id;
    this.#fence = fence;
    this.#access = access;
    this.unitAttentions = new UnitAttentions(() => {
      this.#setFence();
    });
    this.#setFence();
  }

  get access(): MediumAccess {
    return this.#access;
  }

  set access(access: MediumAccess) {
    if (access.reads === this.#access.reads && access.writes === this.#access.writes) return;
    this.#access = access;
    this.#setFence();
  }

  #setFence(): void {
    this.#fence.set(this.id, { ...this.#access, attentionPending: this.unitAttentions.pending });
  }
}
