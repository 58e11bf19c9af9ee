/**
 * Host bytes by which these drivers fail a command they have not sent, and use for nothing else.
 * Others end commands that are on their way with the same ones (fencing rule 10).
 */
const hostStatusOfUnsent: ReadonlyMap<string, number> = new Map([
  ['iscsi_tcp', 0x01], // DID_NO_CONNECT: no session
  ['tcm_loopback', 0x0e], // DID_TRANSPORT_DISRUPTED: transport_status is offline
]);

/** @param driver `proc_name` of the SCSI host */
export function hostStatusMeansUnsent(driver: string, hostStatus: number): boolean {
  return hostStatusOfUnsent.get(driver) === hostStatus;
}
