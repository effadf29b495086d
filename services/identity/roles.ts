/** All scopes. CreateApiKey accepts these, VerifyApiKey returns a subset of them. */
export const scopes = [
  'links:read',
  'links:write',
  'links:resolve',
  'stats:read',
  'keys:write',
  'workspace:admin',
] as const;
export type Scope = (typeof scopes)[number];

/** What a role may do in its workspace. The keys are all the roles that exist. */
const scopesByRole = {
  owner: scopes,
  admin: scopes,
  member: ['links:read', 'links:write', 'links:resolve', 'stats:read', 'keys:write'],
  viewer: ['links:read', 'stats:read'],
} as const satisfies Readonly<Record<string, readonly Scope[]>>;
export type Role = keyof typeof scopesByRole;
export const roles = Object.keys(scopesByRole) as readonly Role[];

/** An unknown role, which a newer schema might contain, may do nothing. */
export function scopesOf(role: string): readonly Scope[] {
  return isRole(role) ? scopesByRole[role] : [];
}

export function isRole(text: string): text is Role {
  return Object.hasOwn(scopesByRole, text);
}

export function isScope(text: string): text is Scope {
  return (scopes as readonly string[]).includes(text);
}
