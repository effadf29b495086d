import { useMemo } from 'react';
import { encode } from 'uqr';
import type { Link } from '#gen/link/v1/link_pb.ts';
import { Button } from '../../components/controls/button.tsx';
import { Dialog, DialogActions } from '../../components/dialogs/dialog.tsx';
import style from './links.module.css';
import { readableUrl } from './readable-url.ts';

/** Pixels of a module in the file: sharp in print at 6 cm. */
const modulePx = 24;
const paper = '#ffffff';
const ink = '#101418';

export default function QrDialog({ link, onClose }: { link: Link; onClose: () => void }) {
  const { data, size } = useMemo(() => encode(link.shortUrl, { border: 4, ecc: 'M' }), [link.shortUrl]);
  const path = useMemo(() => pathOf(data), [data]);
  return (
    <Dialog title={`QR code of ${link.title || link.code}`} onClose={onClose}>
      <div className={style.qr}>
        <svg
          viewBox={`0 0 ${size} ${size}`}
          role="img"
          aria-label={`QR code that leads to ${readableUrl(link.shortUrl)}`}
        >
          <rect width={size} height={size} fill={paper} />
          <path d={path} fill={ink} shapeRendering="crispEdges" />
        </svg>
        <code>{readableUrl(link.shortUrl)}</code>
      </div>
      <DialogActions>
        <Button onClick={() => save(svgFile(path, size), `${link.code}.svg`)}>Save SVG</Button>
        <Button look="primary" onClick={() => void savePng(data, link.code)}>
          Save PNG
        </Button>
      </DialogActions>
    </Dialog>
  );
}

/** The dark modules, a row's neighbours as one stroke. */
function pathOf(data: readonly (readonly boolean[])[]): string {
  const strokes: string[] = [];
  for (const [y, row] of data.entries()) {
    for (let x = 0; x < row.length; x++) {
      const from = x;
      while (row[x]) x++;
      if (x > from) strokes.push(`M${from} ${y}h${x - from}v1h${from - x}z`);
    }
  }
  return strokes.join('');
}

function svgFile(path: string, size: number): Blob {
  const box = `viewBox="0 0 ${size} ${size}" width="${size * modulePx}" height="${size * modulePx}"`;
  const body = `<rect width="${size}" height="${size}" fill="${paper}"/><path d="${path}" fill="${ink}"/>`;
  return new Blob([`<svg xmlns="http://www.w3.org/2000/svg" ${box}>${body}</svg>`], { type: 'image/svg+xml' });
}

async function savePng(data: readonly (readonly boolean[])[], name: string): Promise<void> {
  const canvas = new OffscreenCanvas(data.length * modulePx, data.length * modulePx);
  const context = canvas.getContext('2d');
  if (!context) return;
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = ink;
  for (const [y, row] of data.entries()) {
    for (const [x, isDark] of row.entries()) {
      if (isDark) context.fillRect(x * modulePx, y * modulePx, modulePx, modulePx);
    }
  }
  save(await canvas.convertToBlob({ type: 'image/png' }), `${name}.png`);
}

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  // The browser has taken it over by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
