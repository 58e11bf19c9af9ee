/** VPD page 83h as a device returned it: by which names its logical unit goes (SPC-4 §7.8.6). */

const pageHeaderLength = 4;
const descriptorHeaderLength = 4;

/** ASSOCIATION: the designator names the logical unit, not a port or a target. */
const ofLogicalUnit = 0x0;

/** DESIGNATOR TYPEs, and how sysfs and udev (or multipath) begin the names they make of them. */
const namings: ReadonlyMap<number, { sysfs: string; udev: string; text: boolean }> = new Map([
  [0x1, { sysfs: 't10.', udev: '1', text: true }],
  [0x2, { sysfs: 'eui.', udev: '2', text: false }],
  [0x3, { sysfs: 'naa.', udev: '3', text: false }],
  [0x8, { sysfs: '', udev: '8', text: true }],
]);

/**
 * Whether the device that returned this page is the logical unit of that name.
 * @param page the bytes that came
 * @param wwid as sysfs has it (`naa.6001405...`) or as multipath and udev have it (`36001405...`)
 * @returns undefined if the page is none or names no logical unit
 */
export function namesLogicalUnit(page: Buffer, wwid: string): boolean | undefined {
  const names = logicalUnitNames(page);
  return names.length === 0 ? undefined : names.includes(comparable(wwid));
}

function logicalUnitNames(page: Buffer): string[] {
  if (page.length < pageHeaderLength || page.readUInt8(1) !== 0x83) return [];
  const end = Math.min(page.length, pageHeaderLength + page.readUInt16BE(2));
  const names: string[] = [];
  for (let at = pageHeaderLength; at + descriptorHeaderLength <= end;) {
    const next = at + descriptorHeaderLength + page.readUInt8(at + 3);
    if (next > end) break;
    const association = (page.readUInt8(at + 1) >> 4) & 0x03;
    if (association === ofLogicalUnit) names.push(...namesOf(page.subarray(at, next)));
    at = next;
  }
  return names;
}

function namesOf(descriptor: Buffer): string[] {
  const naming = namings.get(descriptor.readUInt8(1) & 0x0f);
  if (naming === undefined) return [];
  const name = descriptor.toString(naming.text ? 'latin1' : 'hex', descriptorHeaderLength);
  return [naming.sysfs, naming.udev].map((prefix) => comparable(prefix + name));
}

/** udev writes runs of spaces as one underscore and drops those at the end; nulls pad names. */
function comparable(name: string): string {
  return name
    .replace(/[\s\0]+$/, '')
    .replaceAll(/\s+/g, '_')
    .toLowerCase();
}
