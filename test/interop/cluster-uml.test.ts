import { describeCluster } from './scenarios/cluster.js';

describeCluster('uml');
