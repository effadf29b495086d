/**
 * Every reason that an ErrorInfo of domain "hopline" may carry, with a sentence for the reader of the API's documentation.
 * A reason is part of the contract: it is never renamed, and one reason means one thing.
 */
export const reasons = {
  // Any call
  INVALID_ARGUMENT: 'A field of the request breaks a rule; the violations say which.',
  UNKNOWN_FIELD: 'The request has a field that the call does not know.',
  MALFORMED_REQUEST: 'The request could not be read as the message that the call takes.',
  REQUEST_TOO_LARGE: 'The request is larger than the call takes.',
  NOT_FOUND: 'There is no such thing, or the caller may not know of it.',
  ALREADY_EXISTS: 'There is such a thing already.',
  PRECONDITION_FAILED: 'The thing is not in a state that allows the call.',
  METHOD_NOT_ALLOWED: 'The path exists, but not with this method.',
  UNIMPLEMENTED: 'There is no such call.',
  INTERNAL: 'The fault is ours; the log has its cause under the request id.',
  CANCELED: 'The caller went away before the answer was ready.',
  DEADLINE_EXCEEDED: 'The answer was not ready in time.',
  RATE_LIMITED: 'Too many calls; Retry-After says when the next is welcome.',
  OVERLOADED: 'The call was shed before it did any work; it is safe to try again.',
  SHUTTING_DOWN: 'This process is going away; another will take the call.',
  DEPENDENCY_UNAVAILABLE: 'A store or a service that the call needs does not answer.',
  // Who is calling
  CREDENTIALS_MISSING: 'The call needs a token or an API key.',
  CREDENTIALS_INVALID: 'The token or the API key is not valid.',
  CREDENTIALS_EXPIRED: 'The token or the API key is past its end.',
  CALLER_MISSING: 'An internal call came without a caller token.',
  CALLER_INVALID: 'The caller token of an internal call does not hold.',
  CALLER_KIND_REFUSED: 'This kind of caller may not make this call.',
  SCOPE_MISSING: 'The caller lacks the scope named in the metadata.',
  ROLE_MISSING: 'The role held in the workspace does not allow this.',
  // Identity
  EMAIL_TAKEN: 'Somebody has signed up with this email.',
  PASSWORD_TOO_COMMON: 'The password is on the list of common ones.',
  LOGIN_FAILED: 'The email or the password is wrong.',
  REFRESH_TOKEN_INVALID: 'The refresh token is unknown, expired or revoked.',
  REFRESH_TOKEN_REUSED: 'The refresh token was used before; the whole family is revoked.',
  USER_NOT_FOUND: 'There is no such user.',
  WORKSPACE_NOT_FOUND: 'There is no such workspace.',
  API_KEY_NOT_FOUND: 'There is no such API key.',
  API_KEY_LIMIT_REACHED: 'The person has as many API keys in the workspace as are allowed; delete one first.',
  // Links
  LINK_NOT_FOUND: 'There is no such link.',
  LINK_EXPIRED: 'The link is past its end.',
  LINK_DISABLED: 'The link is switched off.',
  LINK_DELETED: 'The link was deleted.',
  LINK_USED_UP: 'The link has been followed as often as it allows.',
  ALIAS_TAKEN: 'The alias belongs to another link of this domain.',
  ALIAS_RESERVED: 'The alias is a reserved word.',
  ALIAS_INVALID: 'The alias has a character or a length that is not allowed.',
  DESTINATION_INVALID: 'The destination is not an absolute http or https URL that may be linked to.',
  DESTINATION_REFUSED: 'The destination is a host that may not be linked to.',
  DOMAIN_UNKNOWN: 'The domain is not one of ours.',
  ETAG_STALE: 'The resource was changed since the etag was read.',
  IDEMPOTENCY_KEY_REUSED: 'The idempotency key was used with another request.',
  IDEMPOTENCY_KEY_INVALID: 'The idempotency key is empty, too long or not printable.',
  IDEMPOTENCY_IN_PROGRESS: 'The same request under the same key is being worked on.',
  UNDELETE_EXPIRED: 'The link was deleted too long ago to come back.',
  PAGE_TOKEN_INVALID: 'The page token was not made by this list.',
  // Statistics
  RANGE_INVALID: 'The range of time is empty, reversed or too long.',
  INTERVAL_INVALID: 'There is no such interval, or it makes too many points of this range.',
  TIMEZONE_INVALID: 'There is no such time zone.',
  // Changes
  CURSOR_TOO_OLD: 'The cursor reaches back further than the changes that are kept; resynchronise.',
  SUBSCRIBER_TOO_SLOW: 'The subscriber fell too far behind; resume from the last cursor.',
} as const satisfies Record<string, string>;

export type Reason = keyof typeof reasons;
