/** The page of a link, below /app. */
export function linkPath({ domain, code }: { readonly domain: string; readonly code: string }): string {
  return `/links/${encodeURIComponent(code)}?${new URLSearchParams({ domain })}`;
}
