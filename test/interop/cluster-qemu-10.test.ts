import { describeCluster } from './scenarios/cluster.js';

describeCluster('10');
