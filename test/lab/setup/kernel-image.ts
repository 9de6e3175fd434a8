import { zstdDecompressSync } from 'node:zlib';
import { LabError } from '../lab-error.ts';

// Offsets in the x86 boot header, Documentation/arch/x86/boot.rst.
const setupSectorsAt = 0x1f1;
const signatureAt = 0x202;
const payloadOffsetAt = 0x248;
const payloadLengthAt = 0x24c;
const sectorBytes = 512;
const sizeFieldBytes = 4;
const zstdMagic = 0xfd2fb528;

/** Takes the uncompressed kernel (ELF) out of a bzImage: QEMU starts it faster, without the kernel's own unpacking. */
export function extractKernel(bzImage: Buffer): Buffer {
  if (bzImage.toString('latin1', signatureAt, signatureAt + 4) !== 'HdrS') {
    throw new LabError('setup', 'the kernel package holds no bzImage');
  }
  const codeAt = (bzImage.readUInt8(setupSectorsAt) + 1) * sectorBytes;
  const begin = codeAt + bzImage.readUInt32LE(payloadOffsetAt);
  const end = begin + bzImage.readUInt32LE(payloadLengthAt) - sizeFieldBytes;
  if (bzImage.readUInt32LE(begin) !== zstdMagic) {
    throw new LabError('setup', 'the kernel is not compressed with zstd, the only format the lab unpacks');
  }
  return zstdDecompressSync(bzImage.subarray(begin, end));
}
