// How a camera was held, by the Exif standard (CIPA DC-008, 4.6.4, tag 274).

/** 1 … 8; 1 where nothing sensible is said. exif: its TIFF structure. */
export function exifOrientation(exif: Uint8Array): number {
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  try {
    const isLittle = view.getUint16(0) === 0x4949;
    if (!isLittle && view.getUint16(0) !== 0x4d4d) return 1;
    const first = view.getUint32(4, isLittle);
    for (let i = 0; i < view.getUint16(first, isLittle); i += 1) {
      const entry = first + 2 + 12 * i;
      if (view.getUint16(entry, isLittle) !== 274) continue;
      const value = view.getUint16(entry + 8, isLittle);
      return value >= 1 && value <= 8 ? value : 1;
    }
  } catch (problem) {
    if (!(problem instanceof RangeError)) throw problem; // it ends early
  }
  return 1;
}
