interface RoleText {
  readonly name: string;
  readonly what: string;
}

/** Every role, the one that may do most first; `what` follows "can". */
const roles: readonly RoleText[] = [
  { name: 'owner', what: 'do everything' },
  { name: 'admin', what: 'do everything, except change owners' },
  { name: 'member', what: 'create and change links, see statistics and create API keys' },
  { name: 'viewer', what: 'see links and statistics' },
];

export const whatCan = (role: string): string => roles.find(({ name }) => name === role)?.what ?? '';

/** The roles that somebody can give: only owners make somebody an owner. */
export const rolesGivenBy = (role: string): readonly RoleText[] =>
  roles.filter(({ name }) => name !== 'owner' || role === 'owner');
