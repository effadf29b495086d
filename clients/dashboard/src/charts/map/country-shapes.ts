import shapesUrl from 'world-atlas/countries-110m.json?url';
import { countryByNumber } from './country-codes.ts';

/** The part of TopoJSON that is read here: borders are lines shared by the countries on both sides. */
interface Topology {
  readonly transform: { readonly scale: readonly [number, number]; readonly translate: readonly [number, number] };
  /** Each point as the difference from the previous one. */
  readonly arcs: readonly (readonly (readonly [number, number])[])[];
  readonly objects: { readonly countries: { readonly geometries: readonly Geometry[] } };
}

interface Geometry {
  readonly type: string;
  readonly id?: string;
  readonly properties: { readonly name: string };
  /** For a Polygon its rings, for a MultiPolygon the polygons; a negative line number means the line in reverse. */
  readonly arcs: readonly (readonly number[])[] | readonly (readonly (readonly number[])[])[];
}

export interface CountryShape {
  /** ISO 3166-1 alpha-2; empty for what has none. */
  readonly code: string;
  /** An SVG path in the map's box. */
  readonly path: string;
}

export const mapBox = { width: 960, height: 430 } as const;
/** Uninhabited, and it would take a quarter of the map. */
const leftOut = 'AQ';

let loading: Promise<readonly CountryShape[]> | undefined;

/** The shapes, fetched once. A failure is not cached, so that the next call retries. */
export function loadCountryShapes(): Promise<readonly CountryShape[]> {
  loading ??= fetch(shapesUrl)
    .then(async (response) => {
      if (!response.ok) throw new TypeError(`The map was answered with ${response.status}.`);
      return shapesOf((await response.json()) as Topology);
    })
    .catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
  return loading;
}

function shapesOf({ transform, arcs, objects }: Topology): CountryShape[] {
  const lines = arcs.map((arc) => lineOf(arc, transform));
  return objects.countries.geometries.flatMap((geometry) => {
    const code = codeOf(geometry);
    if (code === leftOut) return [];
    const polygons = (
      geometry.type === 'Polygon' ? [geometry.arcs] : geometry.arcs
    ) as readonly (readonly number[])[][];
    return { code, path: polygons.flatMap((rings) => rings.map((ring) => pathOf(ring, lines))).join('') };
  });
}

function codeOf({ id, properties }: Geometry): string {
  if (id !== undefined) return countryByNumber.get(id) ?? '';
  return properties.name === 'Kosovo' ? 'XK' : '';
}

/** A point on the globe: degrees east and north; on the map: right and down. */
type Point = readonly [x: number, y: number];

function lineOf(arc: Topology['arcs'][number], { scale, translate }: Topology['transform']): Point[] {
  let x = 0;
  let y = 0;
  return arc.map(([dx, dy]) => {
    x += dx;
    y += dy;
    return [x * scale[0] + translate[0], y * scale[1] + translate[1]];
  });
}

function pathOf(ring: readonly number[], lines: readonly Point[][]): string {
  const points = unwrapped(
    ring.flatMap((index, place) => {
      const line = index < 0 ? (lines[~index] ?? []).toReversed() : (lines[index] ?? []);
      return place === 0 ? line : line.slice(1);
    }),
  );
  // What extends beyond one edge of the map continues on the other side; the box clips the rest.
  const east = points.some(([longitude]) => longitude > 180.01) ? [0, -360] : [0];
  const west = points.some(([longitude]) => longitude < -180.01) ? [360] : [];
  return [...east, ...west].map((shift) => drawn(points, shift)).join('');
}

/** Without the jump from one edge of the map to the other. */
function unwrapped(points: readonly Point[]): Point[] {
  let before = points[0]?.[0] ?? 0;
  return points.map(([longitude, latitude]) => {
    const turns = Math.round((before - longitude) / 360);
    before = longitude + 360 * turns;
    return [before, latitude];
  });
}

function drawn(points: readonly Point[], shift: number): string {
  const corners = points.map(([longitude, latitude]) => {
    const [x, y] = projected(longitude + shift, latitude);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return `M${corners.join('L')}Z`;
}

// The Equal Earth projection (Šavrič, Patterson, Jenny 2018): no country looks larger than it is.
const [a1, a2, a3, a4] = [1.340264, -0.081106, 0.000893, 0.003796] as const;
const root3 = Math.sqrt(3);
const halfWidth = (2 * root3 * Math.PI) / (3 * a1);
/** The southern edge of the map, in degrees north. */
const topLatitude = 84;

function projected(longitude: number, latitude: number): Point {
  const scale = mapBox.width / (2 * halfWidth);
  const [x, y] = equalEarth(longitude, latitude);
  const top = equalEarth(0, topLatitude)[1];
  return [(x + halfWidth) * scale, (top - y) * scale];
}

function equalEarth(longitude: number, latitude: number): Point {
  const radians = Math.PI / 180;
  const t = Math.asin((root3 / 2) * Math.sin(latitude * radians));
  const t2 = t * t;
  const t6 = t2 ** 3;
  const slope = 3 * (9 * a4 * t6 * t2 + 7 * a3 * t6 + 3 * a2 * t2 + a1);
  const x = (2 * root3 * longitude * radians * Math.cos(t)) / slope;
  return [x, t * (a1 + a2 * t2 + t6 * (a3 + a4 * t2))];
}
