import { afterEach, beforeAll, beforeEach, describe } from 'vitest';

import { type LabKernel, labKernels } from '../../support/images.js';
import { Lab } from './lab.js';
import { type LabSetup } from './lab-setup.js';

/** A lab for the describe block that this is called in: each of its tests finds it as set up. */
export function useLab(kernel: LabKernel, setup: LabSetup): Lab {
  const lab = new Lab(kernel, setup);
  beforeAll(() => lab.prepare());
  beforeEach(({ task }) =>
    lab.restore(`${kernel} ${setup.name} ${task.name}`.replace(/\W+/g, '-')),
  );
  afterEach(({ task }) => lab.end(task.result?.state === 'fail'));
  return lab;
}

/** describe() for each of the kernels, all by default, with a lab of its own. */
export function describeOnKernels(
  what: string,
  setup: LabSetup,
  body: (lab: Lab, kernel: LabKernel) => void,
  kernels: readonly LabKernel[] = labKernels,
): void {
  describe.each(kernels)(`${what}, Linux %s`, (kernel) => {
    body(useLab(kernel, setup), kernel);
  });
}
