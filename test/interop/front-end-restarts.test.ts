import { describeFrontEndRestarts } from './scenarios/front-end-restarts.js';

describeFrontEndRestarts(['7.2', '10']);
