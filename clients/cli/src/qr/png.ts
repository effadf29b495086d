import { crc32, deflateSync } from 'node:zlib';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** One bit per pixel: 0 is black, 1 is white. */
const bitDepth = 1;
const grayscale = 0;

/** A QR code as a PNG (ISO/IEC 15948) of at least `leastPixels` per side; every module has the same whole number of pixels. */
export function pngOf(modules: readonly (readonly boolean[])[], leastPixels: number): Buffer {
  const scale = Math.max(1, Math.ceil(leastPixels / modules.length));
  const side = modules.length * scale;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([bitDepth, grayscale], 8);
  const rows = modules.flatMap((row) => Array<Buffer>(scale).fill(scanline(row, scale)));
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND'),
  ]);
}

/** A row of pixels after the byte for "no filter". */
function scanline(row: readonly boolean[], scale: number): Buffer {
  const line = Buffer.alloc(1 + Math.ceil((row.length * scale) / 8));
  for (const [column, dark] of row.entries())
    for (let pixel = column * scale; pixel < (column + 1) * scale; pixel++)
      if (!dark) line[1 + (pixel >> 3)] = (line[1 + (pixel >> 3)] ?? 0) | (0x80 >> (pixel & 7));
  return line;
}

function chunk(type: string, data = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
