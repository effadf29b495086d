import { Exposure } from '#gen/options/v1/access_pb.ts';
import type { Binding, Rpc } from '#runtime/contract/contract.ts';
import {
  compareTemplates,
  exactPath,
  isExact,
  type PathTemplate,
  pathPattern,
} from '#runtime/contract/path-template.ts';

/** One REST route: an RPC, a verb and a path. */
export interface RestRoute {
  readonly rpc: Rpc;
  readonly binding: Binding;
}

/** The path that Envoy answers by itself. */
export const healthPath = '/healthz';

/** Every binding, narrower paths before wider ones. Throws when two of them match the same request. */
export function sortedRest(rpcs: readonly Rpc[]): RestRoute[] {
  const routes = rpcs.flatMap((rpc) => bindingsOf(rpc).map((binding) => ({ rpc, binding })));
  for (const [index, route] of routes.entries()) {
    if (isExact(route.binding.path) && exactPath(route.binding.path) === healthPath)
      throw new Error(`${healthPath} is answered by Envoy itself: ${describe(route)}.`);
    for (const other of routes.slice(index + 1)) refuseCollision(route, other);
  }
  return routes.sort((a, b) => (rank(a.binding) < rank(b.binding) ? -1 : 1));
}

/** The bindings of an RPC. A GET of the API also accepts HEAD; calls that Envoy itself makes declare it where they do. */
function bindingsOf({ exposure, bindings }: Rpc): Binding[] {
  if (exposure === Exposure.EDGE) return [...bindings];
  return bindings.flatMap((binding) => (binding.verb === 'GET' ? [binding, { ...binding, verb: 'HEAD' }] : [binding]));
}

function refuseCollision(a: RestRoute, b: RestRoute): void {
  const relation = compareTemplates(a.binding.path, b.binding.path);
  // Overlapping paths would also share their 405 answers, so they are refused whatever their verbs are.
  if (relation === 'across' || (relation === 'same' && a.binding.verb === b.binding.verb))
    throw new Error(`Two routes collide: ${describe(a)} and ${describe(b)}.`);
}

const describe = ({ rpc, binding }: RestRoute): string => `${binding.verb} ${binding.path.text} (${rpc.name})`;

/** A sort key: exact paths (cheap to match) first, `**` last, in between narrower before wider. */
function rank({ path, verb }: Binding): string {
  const few = (count: number): string => String(99 - count).padStart(2, '0');
  const literals = path.segments.filter((segment) => !segment.startsWith('*')).length;
  return [
    isExact(path) ? 0 : 1,
    takesEverything(path) ? 1 : 0,
    few(literals),
    few(path.segments.length),
    path.verb === '' ? 1 : 0,
    pathPattern(path),
    verb,
  ].join(' ');
}

export const takesEverything = (path: PathTemplate): boolean => path.segments.at(-1) === '**';
