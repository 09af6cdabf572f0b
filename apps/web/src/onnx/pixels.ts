// The pixels of an image file, as the model takes them: RGB, upright, over white.
import { words } from './words';
import { decodePng, isPng } from './png';

export interface Pixels {
  width: number;
  height: number;
  rgb: Uint8Array; // [height, width, 3]
}

/** Blends one level with straight alpha over white, rounded. */
export const overWhite = (level: number, alpha: number) => Math.floor((level * alpha + 255 * (255 - alpha) + 127) / 255);

/** Turns pixels as an orientation of Exif, 1 … 8, asks for. */
export function turnedUpright(image: Pixels, orientation: number): Pixels {
  if (orientation === 1) return image;
  const { width, height, rgb } = image;
  const isTurned = orientation > 4;
  const turned = { width: isTurned ? height : width, height: isTurned ? width : height, rgb: new Uint8Array(rgb.length) };
  const isMirroredX = [2, 3, 7, 8].includes(orientation);
  const isMirroredY = [3, 4, 6, 7].includes(orientation);
  for (let y = 0; y < turned.height; y += 1) {
    for (let x = 0; x < turned.width; x += 1) {
      const [across, down] = isTurned ? [y, x] : [x, y];
      const from = ((isMirroredY ? height - 1 - down : down) * width + (isMirroredX ? width - 1 - across : across)) * 3;
      turned.rgb.set(rgb.subarray(from, from + 3), (y * turned.width + x) * 3);
    }
  }
  return turned;
}

function canvasOf(width: number, height: number): CanvasRenderingContext2D {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
  if (!context) throw new Error(words.noCanvas);
  return context;
}

/** Whether a canvas gives back what was put on it; browsers that protect against fingerprinting change it. */
export function isCanvasTrue(): boolean {
  const side = 16;
  const context = canvasOf(side, side);
  const put = context.createImageData(side, side);
  put.data.forEach((_, i) => { put.data[i] = i % 4 === 3 ? 255 : (i * 37) % 256; });
  context.putImageData(put, 0, 0);
  return context.getImageData(0, 0, side, side).data.every((level, i) => level === put.data[i]);
}

/** By the browser's own decoder: what profiles say of colours is not followed, what cameras say of up and down is. */
async function decodeByBrowser(file: Blob): Promise<Pixels> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' })
    .catch(() => { throw new Error(words.noImage); });
  const { width, height } = bitmap;
  const context = canvasOf(width, height);
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i += 1) {
    for (let c = 0; c < 3; c += 1) rgb[3 * i + c] = data[4 * i + c]!;
  }
  return { width, height, rgb };
}

export interface Decoded extends Pixels {
  isExact: boolean; // the pixels of margay predict, whatever the browser
}

/** Throws Error for what is no image. deepBits: how many of the 16 bits of a deep PNG hold data. */
export async function decode(file: Blob, deepBits: number): Promise<Decoded> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isPng(bytes)) return { ...(await decodePng(bytes, deepBits)), isExact: true };
  return { ...(await decodeByBrowser(file)), isExact: false };
}
