import { describeCluster } from './scenarios/cluster.js';

describeCluster('7.2');
