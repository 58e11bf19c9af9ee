/** The service action table held against the control plane alone. */
import { describe } from 'vitest';
import { describeServiceActions } from './service-action-suite.js';
import { controlPlane } from './subject.js';

describe(controlPlane.name, () => {
  describeServiceActions(controlPlane);
});
