import type { LinkRecord } from '#gen/link/v1/change_pb.ts';
import { withoutFinalDots } from '../destinations/destination.ts';

/** What can be taken down, as the table names it. */
export type Subject = `link:${string}` | `workspace:${string}` | `host:${string}`;

/** What a takedown of these may cover; a link that is yet to be created has no id. */
type Covered = Pick<LinkRecord, 'workspaceId' | 'destination'> & { readonly id?: string };

/** Every subject whose takedown covers the link: itself, its workspace, the host it leads to and the domains above that. */
export function subjectsOf({ id, workspaceId, destination }: Covered): Subject[] {
  const hosts = hostsAbove(URL.parse(destination)?.hostname ?? '').map((host): Subject => `host:${host}`);
  return [...(id === undefined ? [] : [`link:${id}` as const]), `workspace:${workspaceId}`, ...hosts];
}

/** The host itself, and the domains that it is in; a destination's host has at most 253 characters. */
function hostsAbove(hostname: string): string[] {
  const labels = withoutFinalDots(hostname).split('.');
  return labels.map((_, index) => labels.slice(index).join('.'));
}

/** The host in the spelling of destinations; undefined if it is not a host, or is a top-level domain. */
export function hostNamed(text: string): string | undefined {
  const url = URL.parse(`http://${text}`);
  if (url === null || url.host !== url.hostname || url.href !== `http://${url.host}/`) return undefined;
  const host = withoutFinalDots(url.hostname);
  return host.includes('.') || host.startsWith('[') ? host : undefined;
}
