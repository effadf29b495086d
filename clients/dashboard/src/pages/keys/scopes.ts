/** What a key can be made for, each in a few words; the names are the contract's. */
export const scopes = [
  { name: 'links:read', what: 'see links' },
  { name: 'links:write', what: 'make, change and delete links' },
  { name: 'links:resolve', what: 'look up where links lead, on the internal listener' },
  { name: 'stats:read', what: 'see clicks' },
  { name: 'keys:write', what: 'make and revoke API keys' },
  { name: 'workspace:admin', what: 'administer the workspace' },
] as const;

/** How long a key may live, in days; undefined: until it is revoked. */
export const lifetimes = [
  { value: '30', label: '30 days' },
  { value: '90', label: '90 days' },
  { value: '365', label: 'A year' },
  { value: '', label: 'Until it is revoked' },
] as const;

const dayMs = 86_400_000;

/** When a key made now ends, in milliseconds since the epoch. */
export const endOf = (days: string, now: number): number | undefined =>
  days === '' ? undefined : now + Number(days) * dayMs;
