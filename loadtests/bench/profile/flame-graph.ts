// A flame graph as one static SVG: what is below called what stands on it, the width is the share of CPU time.

/** One function in one place of the call tree, with the time of itself and all that it called. */
export interface Frame {
  readonly name: string;
  /** Where the function stands, for the tooltip. */
  readonly place: string;
  self: number;
  total: number;
  readonly children: Map<string, Frame>;
}

const WIDTH = 1_200;
const ROW = 16;
const HEAD = 28;
/** Narrower frames are left out, with all above them; they have no room for a pixel of their own. */
const LEAST_WIDTH = 1;
const CHARACTER = 6.2;

export const newFrame = (name: string, place = ''): Frame => ({ name, place, self: 0, total: 0, children: new Map() });

/** The child of this name and place; the frames of one function called by one other are one. */
export function childOf(parent: Frame, name: string, place: string): Frame {
  const key = `${name} ${place}`;
  const known = parent.children.get(key);
  if (known !== undefined) return known;
  const child = newFrame(name, place);
  parent.children.set(key, child);
  return child;
}

/** Adds up totals from the leaves down. */
export function addUp(frame: Frame): number {
  frame.total = frame.self;
  for (const child of frame.children.values()) frame.total += addUp(child);
  return frame.total;
}

export function flameGraph(root: Frame, title: string): string {
  const boxes: string[] = [];
  const scale = WIDTH / Math.max(1, root.total);
  let depth = 0;
  const draw = (frame: Frame, x: number, level: number): void => {
    const width = frame.total * scale;
    if (width < LEAST_WIDTH) return;
    depth = Math.max(depth, level);
    boxes.push(box(frame, x, width, level, root.total));
    let at = x;
    for (const child of [...frame.children.values()].sort((a, b) => b.total - a.total)) {
      draw(child, at, level + 1);
      at += child.total * scale;
    }
  };
  draw(root, 0, 0);
  const height = HEAD + (depth + 1) * ROW;
  const style = 'text{font:11px monospace;pointer-events:none}rect{stroke:#fff;stroke-width:.4}';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${escaped(title)}</title><style>${style}</style>`,
    `<text x="4" y="18">${escaped(title)}</text><g transform="translate(0 ${height - ROW})">`,
    ...boxes,
    '</g></svg>\n',
  ].join('\n');
}

function box(frame: Frame, x: number, width: number, level: number, all: number): string {
  const tip = `${frame.name} ${frame.place}, ${share(frame.total, all)} (itself ${share(frame.self, all)})`;
  const y = -level * ROW;
  const room = Math.floor((width - 4) / CHARACTER);
  const rect = `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW}" fill="${colour(frame)}"/>`;
  const text =
    room < 3 ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(frame.name.slice(0, room))}</text>`;
  return `<g><title>${escaped(tip)}</title>${rect}${text}</g>`;
}

/** One colour per origin: the project's own code stands out. */
function colour({ name, place }: Frame): string {
  if (/^(services|gateway|runtime|gen|envoy)\//.test(place)) return '#f2a65a';
  if (place.startsWith('node_modules/')) return '#f6d186';
  if (place.startsWith('node:')) return '#b9d7c0';
  return name.startsWith('(') ? '#d9d9d9' : '#c7d3e8';
}

/** The functions with the most time of their own, wherever they were called from. */
export function selfTimes(root: Frame, most: number): { name: string; place: string; share: number }[] {
  const own = new Map<string, { name: string; place: string; share: number }>();
  const visit = (frame: Frame): void => {
    const key = `${frame.name} ${frame.place}`;
    const known = own.get(key) ?? { name: frame.name, place: frame.place, share: 0 };
    known.share += frame.self / Math.max(1, root.total);
    own.set(key, known);
    frame.children.forEach(visit);
  };
  visit(root);
  return [...own.values()].sort((a, b) => b.share - a.share).slice(0, most);
}

const share = (part: number, all: number): string => `${((part / all) * 100).toFixed(1)} %`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
