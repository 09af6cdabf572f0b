// PNGs of every kind and the pixels that they show, made from samples by the standard (www.w3.org/TR/png-3) and nothing that the page
// decodes with.
import zlib from 'node:zlib';

/** Colours of a pixel without, and samples with transparency. */
const kSamples = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const kPasses = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

export const kinds = [
  [0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [2, 8], [2, 16], [3, 1], [3, 2], [3, 4], [3, 8], [4, 8], [4, 16], [6, 8], [6, 16],
].flatMap(([kind, bits]) => [false, true].map((isInterlaced) => ({ kind, bits, isInterlaced })));

/** Numbers that look random and are always the same. */
function numbersFrom(seed) {
  let state = seed;
  return () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state >>> 8; };
}

const crcTable = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0; });

function chunk(name, data) {
  const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(name), data, Buffer.alloc(4)]);
  bytes.writeUInt32BE(data.length);
  let crc = 0xffffffff;
  for (const byte of bytes.subarray(4, 8 + data.length)) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  bytes.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 8 + data.length);
  return bytes;
}

const wide = (values) => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));

function packed(samples, bits) {
  if (bits === 16) return wide(samples);
  const row = Buffer.alloc(Math.ceil((samples.length * bits) / 8));
  samples.forEach((sample, i) => { row[(i * bits) >> 3] |= sample << (8 - bits - ((i * bits) & 7)); });
  return row;
}

function filtered(row, before, filter, step) {
  const out = Buffer.alloc(row.length + 1);
  out[0] = filter;
  row.forEach((value, i) => {
    const [a, b, c] = [i < step ? 0 : row[i - step], before[i], i < step ? 0 : before[i - step]];
    const distances = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)];
    const paeth = [a, b, c][distances.indexOf(Math.min(...distances))];
    out[i + 1] = value - [0, a, b, (a + b) >> 1, paeth][filter];
  });
  return out;
}

/** No sum of 255ths lies at a half. */
const overWhite = (level, alpha) => Math.round((level * alpha) / 255 + 255 - alpha);

/**
 * A PNG of smooth waves and noise. deepBits: how many of 16 bits hold data. Gives its bytes, sides, and pixels, RGB, over white.
 * isKeyed: the first pixel's colour is declared transparent; of a palette, its entries have transparencies.
 */
export function madePng({ kind, bits, isInterlaced = false, isKeyed = false, width = 37, height = 29, deepBits = 16, seed = 1 }) {
  const number = numbersFrom(seed);
  const most = kind === 3 ? Math.min(2 ** bits, 200) - 1 : 2 ** (bits === 16 ? deepBits : bits) - 1;
  const channels = kSamples[kind];
  const samples = Array.from({ length: height * width * channels }, (_, i) => {
    const [x, y, c] = [Math.floor(i / channels) % width, Math.floor(i / channels / width), i % channels];
    const isAlpha = kind > 3 && c === channels - 1;
    const top = isAlpha ? 2 ** bits - 1 : most;
    const wave = 0.5 + 0.35 * Math.sin(0.21 * x + c) * Math.cos(0.17 * y + 2 * c) + (0.15 * (number() % 1000)) / 1000 - 0.075;
    return isAlpha && x % 5 === 0 ? top : Math.round(Math.min(1, Math.max(0, wave)) * top);
  });
  const palette = Array.from({ length: kind === 3 ? 3 * (most + 1) : 0 }, () => number() % 256);
  const transparencies = Array.from({ length: isKeyed && kind === 3 ? Math.min(most + 1, 100) : 0 }, () => number() % 256);
  const key = isKeyed && (kind === 0 || kind === 2) ? samples.slice(0, channels) : undefined;

  const level = (sample) => (bits === 16 ? Math.min(255, sample >> (deepBits - 8)) : Math.round((sample * 255) / (2 ** bits - 1)));
  const pixels = new Uint8Array(width * height * 3);
  for (let at = 0; at < width * height; at += 1) {
    const own = samples.slice(at * channels, (at + 1) * channels);
    const colours = kind === 3 ? palette.slice(3 * own[0], 3 * own[0] + 3) : (kind % 4 === 0 ? [own[0], own[0], own[0]] : own.slice(0, 3)).map(level);
    let alpha = kind > 3 ? own.at(-1) >> (bits - 8) : 255;
    if (kind === 3) alpha = transparencies[own[0]] ?? 255;
    if (key?.every((value, c) => own[c] === value)) alpha = 0;
    colours.forEach((colour, c) => { pixels[3 * at + c] = overWhite(colour, alpha); });
  }

  const rows = [];
  const step = Math.max(1, (channels * bits) >> 3);
  for (const [x0, y0, dx, dy] of isInterlaced ? kPasses : [[0, 0, 1, 1]]) {
    if (x0 >= width) continue;
    let before;
    for (let y = y0, n = 0; y < height; y += dy, n += 1) {
      const values = [];
      for (let x = x0; x < width; x += dx) values.push(...samples.slice((y * width + x) * channels, (y * width + x + 1) * channels));
      const row = packed(values, bits);
      rows.push(filtered(row, before ?? Buffer.alloc(row.length), (n + seed) % 5, step));
      before = row;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([bits, kind, 0, 0, isInterlaced ? 1 : 0], 8);
  const data = zlib.deflateSync(Buffer.concat(rows));
  const bytes = Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', header),
    ...(palette.length ? [chunk('PLTE', Buffer.from(palette))] : []),
    ...(transparencies.length ? [chunk('tRNS', Buffer.from(transparencies))] : key ? [chunk('tRNS', wide(key))] : []),
    chunk('IDAT', data.subarray(0, 100)),
    chunk('IDAT', data.subarray(100)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
  return { bytes, width, height, pixels };
}
