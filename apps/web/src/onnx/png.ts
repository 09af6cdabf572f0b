// PNG as `margay predict` reads it, the same in every browser: a canvas would convert colours by profiles, multiply by the
// transparency and back, and in some browsers add noise against fingerprinting. The standard: www.w3.org/TR/png-3.
import { type Pixels, overWhite, turnedUpright } from './pixels';
import { exifOrientation } from './exif';
import { words } from './words';

interface Header {
  width: number;
  height: number;
  bits: number;
  kind: number;
  isInterlaced: boolean;
}

/** Samples of a pixel by the kind of colour: grey, RGB, palette, grey and alpha, RGB and alpha. */
const kSamples: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const kBits: Record<number, readonly number[]> = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };
/** Of Margay, too. */
const kMostPixels = 178_956_970;
const kSignature = [137, 80, 78, 71, 13, 10, 26, 10];
/** First column, first row, step between columns, step between rows of Adam7's passes. */
const kPasses = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]] as const;

const broken = (what: string) => new Error(`broken PNG: ${what}`);

export const isPng = (bytes: Uint8Array) => kSignature.every((byte, i) => bytes[i] === byte);

interface Chunks {
  header: Header;
  palette: Uint8Array | undefined;
  transparency: Uint8Array | undefined;
  orientation: number;
  data: Uint8Array[];
}

function headerOf(part: DataView): Header {
  if (part.byteLength !== 13) throw broken('its header has another length');
  const header = { width: part.getUint32(0), height: part.getUint32(4), bits: part.getUint8(8), kind: part.getUint8(9), isInterlaced: part.getUint8(12) === 1 };
  if (!kBits[header.kind]?.includes(header.bits)) throw broken(`colours of kind ${header.kind} with ${header.bits} bits`);
  if (header.width * header.height > kMostPixels) throw new Error(words.tooLarge(header.width, header.height));
  if (header.width < 1 || header.height < 1) throw broken(`${header.width} × ${header.height} pixels`);
  return header;
}

function chunksOf(bytes: Uint8Array): Chunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let header: Header | undefined;
  const found: Omit<Chunks, 'header'> = { palette: undefined, transparency: undefined, orientation: 1, data: [] };
  for (let at = kSignature.length; ;) {
    if (at + 8 > bytes.length) throw broken('truncated, the file ends early');
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const begin = at + 8;
    at = begin + length + 4;
    if (at > bytes.length) throw broken('truncated, the file ends early');
    const part = bytes.subarray(begin, begin + length);
    if (name === 'IHDR') header = headerOf(new DataView(bytes.buffer, bytes.byteOffset + begin, length));
    else if (name === 'PLTE') found.palette = part;
    else if (name === 'tRNS') found.transparency = part;
    else if (name === 'IDAT') found.data.push(part);
    else if (name === 'eXIf') found.orientation = exifOrientation(part);
    else if (name === 'IEND') break;
  }
  if (!header) throw broken('it does not begin with its header');
  if (header.kind === 3 && !found.palette) throw broken('its palette is missing');
  return { header, ...found };
}

async function inflated(parts: Uint8Array[]): Promise<Uint8Array> {
  const stream = new Blob(parts as BlobPart[]).stream().pipeThrough(new DecompressionStream('deflate'));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw broken('its data cannot be unpacked');
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** Takes the filter off one row in place (section 9.2). before: the row above, or zeros. step: bytes of a pixel. */
function unfilter(filter: number, row: Uint8Array, before: Uint8Array, step: number) {
  if (filter > 4) throw broken(`a row with filter ${filter}`);
  for (let i = 0; i < row.length; i += 1) {
    const left = i < step ? 0 : row[i - step]!;
    const up = before[i]!;
    const corner = i < step ? 0 : before[i - step]!;
    if (filter === 1) row[i]! += left;
    else if (filter === 2) row[i]! += up;
    else if (filter === 3) row[i]! += (left + up) >> 1;
    else if (filter === 4) row[i]! += paeth(left, up, corner);
  }
}

/** A row's samples, unpacked. */
function samplesOf(row: Uint8Array, bits: number, count: number): Uint16Array {
  const samples = new Uint16Array(count);
  for (let i = 0; i < count; i += 1) {
    if (bits === 16) samples[i] = (row[2 * i]! << 8) | row[2 * i + 1]!;
    else samples[i] = (row[(i * bits) >> 3]! >> (8 - bits - ((i * bits) & 7))) & ((1 << bits) - 1);
  }
  return samples;
}

/** What makes pixels of samples. */
class Colours {
  private readonly key: number[] | undefined;

  constructor(private readonly chunks: Chunks, private readonly deepBits: number) {
    const { transparency, header } = chunks;
    const colours = header.kind === 0 ? 1 : header.kind === 2 ? 3 : 0;
    if (!colours || transparency?.length !== 2 * colours) return; // nothing, or what libpng passes over
    const key = new DataView(transparency.buffer, transparency.byteOffset, transparency.length);
    this.key = Array.from({ length: colours }, (_, c) => key.getUint16(2 * c) & ((1 << header.bits) - 1));
  }

  /** As 8 bits: of 16 the highest, unless fewer of them hold data. */
  private level(sample: number): number {
    const { bits } = this.chunks.header;
    if (bits === 16) return Math.min(255, sample >> (this.deepBits - 8));
    return bits === 8 ? sample : Math.round((sample * 255) / ((1 << bits) - 1));
  }

  /** Writes the pixel whose samples begin at `from`. */
  put(samples: Uint16Array, from: number, to: Uint8Array, at: number) {
    const { kind, bits } = this.chunks.header;
    if (kind === 3) return this.putOfPalette(samples[from]!, to, at);
    const colours = kind === 0 || kind === 4 ? 1 : 3;
    let alpha = 255;
    if (kind >= 4) alpha = bits === 16 ? samples[from + colours]! >> 8 : samples[from + colours]!;
    else if (this.key?.every((value, c) => samples[from + c] === value)) alpha = 0;
    for (let c = 0; c < 3; c += 1) to[at + c] = overWhite(this.level(samples[from + (colours === 3 ? c : 0)]!), alpha);
  }

  /** What lies outside of the palette is black, as libpng has it. */
  private putOfPalette(index: number, to: Uint8Array, at: number) {
    const alpha = this.chunks.transparency?.[index] ?? 255;
    for (let c = 0; c < 3; c += 1) to[at + c] = overWhite(this.chunks.palette![3 * index + c] ?? 0, alpha);
  }
}

/** The pixels of a PNG. deepBits: how many of 16 bits hold data. Throws Error. */
export async function decodePng(bytes: Uint8Array, deepBits: number): Promise<Pixels> {
  const chunks = chunksOf(bytes);
  const { width, height, bits, kind, isInterlaced } = chunks.header;
  const data = await inflated(chunks.data);
  const colours = new Colours(chunks, deepBits);
  const rgb = new Uint8Array(width * height * 3);
  const samples = kSamples[kind]!;
  const step = Math.max(1, (samples * bits) >> 3);
  let at = 0;
  for (const [x0, y0, dx, dy] of isInterlaced ? kPasses : [[0, 0, 1, 1] as const]) {
    const columns = Math.ceil((width - x0) / dx);
    if (columns <= 0) continue;
    const rowBytes = Math.ceil((columns * samples * bits) / 8);
    let before = new Uint8Array(rowBytes);
    for (let y = y0; y < height; y += dy) {
      const row = data.subarray(at + 1, at + 1 + rowBytes);
      if (row.length < rowBytes) throw broken('it has fewer rows than its header says');
      unfilter(data[at]!, row, before, step);
      at += 1 + rowBytes;
      before = row as typeof before;
      const unpacked = samplesOf(row, bits, columns * samples);
      for (let i = 0; i < columns; i += 1) colours.put(unpacked, i * samples, rgb, (y * width + x0 + i * dx) * 3);
    }
  }
  return turnedUpright({ width, height, rgb }, chunks.orientation);
}
