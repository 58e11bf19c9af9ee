/** The blocks of a disk, and how many of them one command may name. */

export interface MediumOptions {
  /** A multiple of blockSize. */
  readonly sizeBytes: number;
  /** Logical block size, bytes: a power of two, at least 512. */
  readonly blockSize: number;
  /** Bytes, at least blockSize: a power of two. */
  readonly physicalBlockSize: number;
  readonly readOnly: boolean;
  /** UNMAP, and WRITE SAME with UNMAP set, give space back. */
  readonly thinProvisioned: boolean;
  /** Blocks read as zeros once they are unmapped. */
  readonly unmappedReadsZero: boolean;
  /** Most blocks of one COMPARE AND WRITE, 0 to 255; 0: the command is not there. */
  readonly compareAndWriteBlocks: number;
}

/** What VPD page B0h promises, in logical blocks; whoever runs the commands keeps to it. */
export interface BlockLimits {
  readonly compareAndWriteBlocks: number;
  /** Most blocks of all descriptors of one UNMAP; 0 without thin provisioning. */
  readonly unmapBlocks: number;
  readonly unmapDescriptors: number;
  /** Fewer blocks than this, or not aligned to it, may stay mapped. */
  readonly unmapGranularity: number;
  readonly writeSameBlocks: number;
}

/** Bounds the time that one UNMAP or WRITE SAME takes. */
const rangeBytesMax = 512 * 1024 * 1024;
/** As many as fit into a page together with the header of the list. */
const unmapDescriptorsMax = 255;

/** LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT has four bits. */
const exponentMax = 15;

export class Medium {
  readonly blockSize: number;
  readonly readOnly: boolean;
  readonly thinProvisioned: boolean;
  readonly unmappedReadsZero: boolean;
  /** log2 of the logical blocks in a physical one. */
  readonly physicalBlockExponent: number;
  readonly limits: BlockLimits;
  #blocks: bigint;

  constructor(options: MediumOptions) {
    const blocksPerPhysical = Math.max(1, options.physicalBlockSize / options.blockSize);
    const rangeBlocksMax = rangeBytesMax / options.blockSize;
    this.blockSize = options.blockSize;
    this.readOnly = options.readOnly;
    this.thinProvisioned = options.thinProvisioned;
    this.unmappedReadsZero = options.unmappedReadsZero;
    this.physicalBlockExponent = Math.min(Math.log2(blocksPerPhysical), exponentMax);
    this.limits = {
      compareAndWriteBlocks: options.compareAndWriteBlocks,
      unmapBlocks: options.thinProvisioned ? rangeBlocksMax : 0,
      unmapDescriptors: options.thinProvisioned ? unmapDescriptorsMax : 0,
      unmapGranularity: options.thinProvisioned ? blocksPerPhysical : 0,
      writeSameBlocks: rangeBlocksMax,
    };
    this.#blocks = blocksIn(options.sizeBytes, options.blockSize);
  }

  /** Logical blocks, the last partial one not counted. */
  get blocks(): bigint {
    return this.#blocks;
  }

  /** @returns whether the number of blocks changed */
  resize(sizeBytes: number): boolean {
    const before = this.#blocks;
    this.#blocks = blocksIn(sizeBytes, this.blockSize);
    return this.#blocks !== before;
  }
}

function blocksIn(sizeBytes: number, blockSize: number): bigint {
  return BigInt(Math.floor(sizeBytes / blockSize));
}
