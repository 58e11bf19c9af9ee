/** Mode pages (SPC-4 §7.5, SBC-3 §6.4) and the two settings in them that an initiator may change. */

/** Shared by all nexuses of the logical unit. */
export interface ModeSettings {
  /** D_SENSE: sense data in descriptor format. */
  readonly descriptorSense: boolean;
  /** SWP: refuse writes until it is cleared. */
  readonly softwareWriteProtect: boolean;
}

export const defaultModeSettings: ModeSettings = {
  descriptorSense: false,
  softwareWriteProtect: false,
};

/** PAGE CONTROL, less the saved values, which there are none of. */
export type PageControl = 'current' | 'changeable' | 'default';

const pageCodes = { caching: 0x08, control: 0x0a } as const;

/** In ascending order, as MODE SENSE has to return them. */
export const modePageCodes: readonly number[] = Object.values(pageCodes);

const descriptorSenseBit = 0x04;
const softwareWriteProtectBit = 0x08;

/** @returns the page with its header; undefined if there is none of that code */
export function modePage(
  pageCode: number,
  control: PageControl,
  current: ModeSettings,
): Buffer | undefined {
  switch (pageCode) {
    case pageCodes.caching:
      return cachingPage(control);
    case pageCodes.control:
      return controlPage(control, current);
    default:
      return undefined;
  }
}

/** @param page what `modePage` returned, or an initiator's version of it */
export function settingsOf(page: Buffer, otherwise: ModeSettings): ModeSettings {
  if (page[0] !== pageCodes.control) return otherwise;
  return {
    descriptorSense: (page.readUInt8(2) & descriptorSenseBit) !== 0,
    softwareWriteProtect: (page.readUInt8(4) & softwareWriteProtectBit) !== 0,
  };
}

function cachingPage(control: PageControl): Buffer {
  const page = pageOf(pageCodes.caching, 18);
  if (control !== 'changeable') page[2] = 0x04; // WCE
  return page;
}

function controlPage(control: PageControl, current: ModeSettings): Buffer {
  const page = pageOf(pageCodes.control, 10);
  const { descriptorSense, softwareWriteProtect } = {
    current,
    default: defaultModeSettings,
    changeable: { descriptorSense: true, softwareWriteProtect: true },
  }[control];
  if (descriptorSense) page[2] = descriptorSenseBit;
  if (softwareWriteProtect) page[4] = softwareWriteProtectBit;
  if (control !== 'changeable') {
    page[3] = 0x10; // QUEUE ALGORITHM MODIFIER: unrestricted reordering
    page.writeUInt16BE(0xffff, 8); // BUSY TIMEOUT PERIOD: unlimited
  }
  return page;
}

/** @param parameters bytes after the header */
function pageOf(pageCode: number, parameters: number): Buffer {
  const page = Buffer.alloc(2 + parameters);
  page.set([pageCode, parameters]);
  return page;
}
