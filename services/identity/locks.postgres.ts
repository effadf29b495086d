// Every transaction locks in this order, so that no two wait for each other: a person, workspaces, memberships, refresh tokens, sessions.
// Only a refresh token that is written while its session is being deleted is locked after it: Postgres ends the one or the other of the two
// transactions, which is then tried again.

export const lockUser = 'select from identity.users where id = $1 for no key update';

/** Whoever changes who belongs to a workspace waits for it: of two owners who remove each other, one is left. */
export const lockWorkspace = 'select from identity.workspaces where id = $1 for no key update';
