// The pixels of image files as Margay reads them, with sharp (npm ci --ignore-scripts in the folder of this file): upright, RGB, over white.
//   node pixels.mjs FILE...
// writes of each "HEIGHT WIDTH", a line break, and the bytes.
import fs from "node:fs";
import sharp from "sharp";

/** {data: uint8 [H,W,3], info: {height, width}} */
const pixels = (file) =>
  sharp(file, { ignoreIcc: true }).rotate().flatten({ background: "#fff" })  // rotate() follows EXIF
    .toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });

for (const file of process.argv.slice(2)) {
  const { data, info } = await pixels(file);
  fs.writeSync(1, `${info.height} ${info.width}\n`);
  for (let at = 0; at < data.length;) at += fs.writeSync(1, data, at);
}
