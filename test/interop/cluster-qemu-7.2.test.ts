import { describeCluster } from './scenarios/cluster.js';
import { describeScsiConfigs } from './scenarios/scsi-configs.js';

describeCluster('7.2');
describeScsiConfigs('7.2');
