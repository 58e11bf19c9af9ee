import { describeCluster } from './scenarios/cluster.js';
import { describeScsiConfigs } from './scenarios/scsi-configs.js';

describeCluster('10');
describeScsiConfigs('10');
