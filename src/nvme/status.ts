/** Status Codes (NVMe base specification): STATUS CODE TYPE above STATUS CODE, without the flags. */

export const nvmeStatus = {
  success: 0x000,
  invalidOpcode: 0x001,
  invalidField: 0x002,
  internalError: 0x006,
  invalidNamespace: 0x00b,
  hostIdentifierInconsistentFormat: 0x018,
  namespaceNotReady: 0x082,
  reservationConflict: 0x083,
  asymmetricAccessPersistentLoss: 0x301,
  asymmetricAccessInaccessible: 0x302,
  asymmetricAccessTransition: 0x303,
} as const;

/** Of the status as Linux hands it on: code and code type; DNR, More and CRD lie above. */
export const statusMask = 0x7ff;

/** Do Not Retry: to be set beside a status that the same command would meet again. */
export const doNotRetry = 0x4000;
