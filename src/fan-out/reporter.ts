/** Answers PERSISTENT RESERVE IN from what one path says. */
import type { PrInCommand } from '../pr/command.js';
import type { Nexus, NexusId } from '../pr/nexus.js';
import { busy, type PrOutcome } from '../pr/outcome.js';
import { readOutcome } from './array-reader.js';
import { type ArrayView, viewOfFullStatus } from './array-view.js';
import type { PathAccess } from './path-access.js';
import type { Carriage } from './refusals.js';
import { carriedCapabilities, foldedFullStatus, keysOf } from './reporting.js';

export interface Report {
  readonly outcome: PrOutcome;
  /** What the answer was made of, where that tells who is registered. */
  readonly view: ArrayView | undefined;
}

export interface ReportContext {
  readonly access: PathAccess;
  readonly carriage: Carriage;
  readonly guest: Nexus;
  /** Proven own nexuses. */
  readonly own: ReadonlySet<NexusId>;
  /** APTPL of the guest's last registration. */
  readonly aptpl: boolean;
}

/** @param deadline on the clock of `access`, milliseconds */
export async function report(
  action: PrInCommand['action'],
  context: ReportContext,
  deadline: number,
): Promise<Report> {
  const { access, carriage, guest, own, aptpl } = context;
  const { limits } = carriage;
  if (action === 'report-capabilities' && !limits.reportCapabilities) {
    const capabilities = carriedCapabilities(undefined, carriage, aptpl);
    return { outcome: { status: 'good', data: { action, capabilities } }, view: undefined };
  }
  const asked = action === 'read-keys' && limits.fullStatus ? 'read-full-status' : action;
  const outcome = (await readOutcome(access, { action: asked }, deadline)) ?? busy;
  if (outcome.status !== 'good') return { outcome, view: undefined };
  switch (outcome.data?.action) {
    case 'read-full-status': {
      const data = foldedFullStatus(outcome.data, own, guest);
      return {
        outcome: { status: 'good', data: action === 'read-keys' ? keysOf(data) : data },
        view: viewOfFullStatus(outcome.data),
      };
    }
    case 'report-capabilities': {
      const capabilities = carriedCapabilities(outcome.data.capabilities, carriage, aptpl);
      return {
        outcome: { status: 'good', data: { action: 'report-capabilities', capabilities } },
        view: undefined,
      };
    }
    default:
      return { outcome, view: undefined };
  }
}
