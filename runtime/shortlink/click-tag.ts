/**
 * What a click line says about the followed link, as one text: the resolver writes it into `x-hop-click`, the edge into the name of a hot
 * route, and Envoy copies it (docs/decisions/0003-click.md).
 */
export interface ClickTag {
  readonly linkId: string;
  readonly workspaceId: string;
  readonly version: bigint;
  /** The tier that answered: edge, l1, redis, replica or primary. */
  readonly tier: string;
  readonly domain: string;
  readonly code: string;
}

export function writeClickTag({ linkId, workspaceId, version, tier, domain, code }: ClickTag): string {
  return `${linkId};${workspaceId};${version};${tier};${domain};${encodeURIComponent(code)}`;
}

/** Its fields as written, unchecked; undefined: the text is not a tag. The code is percent-encoded. */
export function readClickTag(tag: string): Readonly<Record<keyof ClickTag, string>> | undefined {
  const [linkId = '', workspaceId = '', version = '', tier = '', domain = '', code, ...more] = tag.split(';');
  return code === undefined || more.length > 0 ? undefined : { linkId, workspaceId, version, tier, domain, code };
}
