import { describeCluster } from '../interop/scenarios/cluster.js';
import { describeScsiConfigs } from '../interop/scenarios/scsi-configs.js';

describeCluster('11');
describeScsiConfigs('11');
