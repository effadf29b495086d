/** What a reason means to the caller who gets it. */
interface Meaning {
  /** The HTTP statuses that it comes with over REST. */
  readonly statuses: readonly number[];
  /** One sentence for the reader of the API's documentation. */
  readonly sentence: string;
}

type Meanings = Readonly<Record<string, Meaning>>;

const anyCall = {
  INVALID_ARGUMENT: meaning(400, 'A field of the request breaks a rule; the violations say which.'),
  UNKNOWN_FIELD: meaning(400, 'The request has a field that the call does not know.'),
  MALFORMED_REQUEST: meaning(400, 'The request could not be read as the message that the call takes.'),
  REQUEST_TOO_LARGE: meaning([413, 431], 'The request is larger than the call takes.'),
  NOT_FOUND: meaning(404, 'It does not exist, or the caller has no access to it.'),
  ALREADY_EXISTS: meaning(409, 'It exists already.'),
  PRECONDITION_FAILED: meaning(400, 'The current state does not allow the call.'),
  METHOD_NOT_ALLOWED: meaning(405, 'The path exists, but not with this method.'),
  UNIMPLEMENTED: meaning(501, 'There is no such call.'),
  INTERNAL: meaning(500, 'An internal error; the log has its cause under the request id.'),
  CANCELED: meaning(499, 'The caller went away before the answer was ready.'),
  DEADLINE_EXCEEDED: meaning([503, 408], 'The answer was not ready in time.'),
  RATE_LIMITED: meaning(429, 'Too many calls; Retry-After says when to try again.'),
  OVERLOADED: meaning(503, 'The call was refused before it did any work; it is safe to try again.'),
  DEPENDENCY_UNAVAILABLE: meaning(503, 'A store or a service that the call needs does not answer.'),
  SUBSCRIBER_TOO_SLOW: meaning(
    503,
    'The reader of a stream fell too far behind; start again, from the last cursor if there is one.',
  ),
} as const satisfies Meanings;

const whoIsCalling = {
  CREDENTIALS_MISSING: meaning(401, 'The call needs a token or an API key.'),
  CREDENTIALS_INVALID: meaning(401, 'The token or the API key is not valid.'),
  CREDENTIALS_EXPIRED: meaning(401, 'The token or the API key has expired.'),
  CALLER_KIND_REFUSED: meaning(403, 'This kind of caller may not make this call.'),
  SCOPE_MISSING: meaning(403, 'The caller lacks the scope named in the metadata.'),
  ROLE_MISSING: meaning(403, 'The role held in the workspace lacks the scope named in the metadata.'),
  OPERATOR_ONLY: meaning(403, 'Only the workspaces that operate this installation may see this.'),
} as const satisfies Meanings;

const identity = {
  EMAIL_TAKEN: meaning(409, 'There is already an account with this email.'),
  PASSWORD_TOO_COMMON: meaning(400, 'The password is on the list of common ones.'),
  CURRENT_PASSWORD_WRONG: meaning(
    400,
    'The current password, which the change requires, is wrong. The session stays valid.',
  ),
  LOGIN_FAILED: meaning(401, 'The email or the password is wrong.'),
  REFRESH_TOKEN_INVALID: meaning(401, 'The refresh token is unknown, expired or revoked.'),
  REFRESH_TOKEN_REUSED: meaning(401, 'The refresh token was used before; the whole family is revoked.'),
  ORIGIN_REFUSED: meaning(
    403,
    'A session in a cookie can only be used by pages of this installation; the call came from another origin.',
  ),
  USER_NOT_FOUND: meaning(404, 'There is no such user.'),
  WORKSPACE_NOT_FOUND: meaning(404, 'There is no such workspace.'),
  API_KEY_NOT_FOUND: meaning(404, 'There is no such API key.'),
  SESSION_NOT_FOUND: meaning(404, 'There is no such session, or it has ended.'),
  MEMBER_NOT_FOUND: meaning(404, 'There is no such member of the workspace.'),
  INVITATION_NOT_FOUND: meaning(404, 'There is no such invitation, or it was used, taken back or has expired.'),
  ALREADY_MEMBER: meaning(409, 'The caller is a member of the workspace already.'),
  OWNER_ONLY: meaning(403, 'Only an owner of the workspace may do this.'),
  LAST_OWNER: meaning(400, 'The workspace would have members and no owner; make somebody else an owner first.'),
  MEMBER_LIMIT_REACHED: meaning(400, 'The workspace has as many members as are allowed.'),
  WORKSPACE_LIMIT_REACHED: meaning(400, 'The person belongs to as many workspaces as are allowed; leave one first.'),
  INVITATION_LIMIT_REACHED: meaning(
    400,
    'The workspace has as many open invitations as are allowed; take one back first.',
  ),
  API_KEY_LIMIT_REACHED: meaning(
    400,
    'The person has as many API keys in the workspace as are allowed; delete one first.',
  ),
} as const satisfies Meanings;

const links = {
  LINK_NOT_FOUND: meaning(404, 'There is no such link.'),
  LINK_EXPIRED: meaning(410, 'The link has expired.'),
  LINK_DISABLED: meaning(410, 'The link is disabled.'),
  LINK_USED_UP: meaning(410, 'The link has been followed as often as it allows.'),
  LINK_DELETED: meaning([404, 410], 'The link was deleted.'),
  LINK_TAKEN_DOWN: meaning(403, 'The operator of this installation has taken the link down; it can only be deleted.'),
  WORKSPACE_TAKEN_DOWN: meaning(403, 'The operator of this installation does not let the workspace create links.'),
  ALIAS_TAKEN: meaning(409, 'The alias belongs to another link of this domain.'),
  ALIAS_RESERVED: meaning(400, 'The alias is a reserved word.'),
  ALIAS_INVALID: meaning(400, 'The alias has a character or a length that is not allowed.'),
  DESTINATION_INVALID: meaning(
    400,
    'The destination is not an absolute http or https URL, or contains something that is not allowed in one.',
  ),
  DESTINATION_REFUSED: meaning(400, 'The destination is on a host that may not be linked to.'),
  DOMAIN_UNKNOWN: meaning(400, 'The domain is not one of ours.'),
  ETAG_STALE: meaning(409, 'The resource was changed since the etag was read.'),
  IDEMPOTENCY_KEY_REUSED: meaning(409, 'The idempotency key was used with another request.'),
  IDEMPOTENCY_KEY_INVALID: meaning(400, 'The idempotency key is empty, too long or not printable.'),
  IDEMPOTENCY_IN_PROGRESS: meaning(409, 'The same request with the same key is still being processed.'),
  UNDELETE_EXPIRED: meaning(404, 'The link was deleted too long ago to be restored.'),
  PAGE_TOKEN_INVALID: meaning(400, 'The page token does not belong to this list.'),
} as const satisfies Meanings;

const statistics = {
  RANGE_INVALID: meaning(400, 'The range of time is empty, reversed or too long.'),
  INTERVAL_INVALID: meaning(400, 'There is no such interval, or it would give too many points for this range.'),
  TIMEZONE_INVALID: meaning(400, 'There is no such time zone.'),
} as const satisfies Meanings;

const insideTheMesh = {
  CALLER_MISSING: meaning(401, 'An internal call came without a caller token.'),
  CALLER_INVALID: meaning(401, 'The caller token of an internal call is not valid.'),
  SHUTTING_DOWN: meaning(503, 'This process is shutting down; another one will take the call.'),
} as const satisfies Meanings;

/**
 * Every reason that an ErrorInfo of domain "hopline" may carry. A reason is part of the contract: it is never renamed, and
 * one reason means one thing.
 */
export const reasons = { ...anyCall, ...whoIsCalling, ...identity, ...links, ...statistics, ...insideTheMesh };

export type Reason = keyof typeof reasons;

/** The reasons as the documentation shows them. */
export const reasonSections: Readonly<Record<string, Meanings>> = {
  'Any call': anyCall,
  'Who is calling': whoIsCalling,
  'People, workspaces, sessions and API keys': identity,
  Links: links,
  Statistics: statistics,
  'Inside the mesh': insideTheMesh,
};

export const isReason = (text: string): text is Reason => Object.hasOwn(reasons, text);

function meaning(statuses: number | readonly number[], sentence: string): Meaning {
  return { statuses: typeof statuses === 'number' ? [statuses] : statuses, sentence };
}
