import type { ErrorReason, HoplineError } from '@hopline/client';

/** What a person can do about an error; for reasons without an entry the message says it. */
const adviceByReason: Readonly<Partial<Record<ErrorReason, string>>> = {
  UNIMPLEMENTED:
    'Is it the address of an installation, without a path? An installation older than this `hop` may also lack the call.',
  CREDENTIALS_MISSING: 'Sign in with `hop login`, or set HOP_API_KEY.',
  CREDENTIALS_INVALID: 'Sign in again with `hop login`, or set HOP_API_KEY to a valid key (`hop keys ls`).',
  CREDENTIALS_EXPIRED: 'Sign in again with `hop login`, or make another key with `hop keys create`.',
  REFRESH_TOKEN_INVALID: 'The session has ended. Sign in again with `hop login`.',
  REFRESH_TOKEN_REUSED:
    'The session was ended for safety, because its token was used twice. Sign in again with `hop login`.',
  SESSION_CHANGED:
    '`hop whoami` says who is signed in by now, and where; `hop workspaces use` goes to another workspace.',
  CURRENT_PASSWORD_WRONG: 'Nothing was changed, and you are still signed in. Try again.',
  SCOPE_MISSING: 'Use a key that has the scope, or sign in with `hop login`.',
  ROLE_MISSING:
    'An owner or admin of the workspace can give you another role; `hop workspaces use` goes to another one.',
  OPERATOR_ONLY: 'The installation decides who may see this: HOP_OPERATOR_WORKSPACES.',
  CALLER_KIND_REFUSED: 'This needs a person, not a key: `hop login`.',
  EMAIL_TAKEN: 'Sign in with `hop login`, or use another email.',
  LINK_NOT_FOUND: 'Codes are case-sensitive; `hop ls --search` finds links by a part of them.',
  LINK_DELETED: 'Restore it with `hop restore`.',
  LINK_TAKEN_DOWN: 'Ask whoever runs the installation; it can be deleted with `hop rm`.',
  WORKSPACE_TAKEN_DOWN: 'Ask whoever runs the installation.',
  UNDELETE_EXPIRED: 'A deleted link can be restored for 30 days.',
  ALIAS_TAKEN: 'Choose another alias, or leave it out for a generated code.',
  ALIAS_RESERVED: 'Choose another alias.',
  ALIAS_INVALID: 'Letters of any script, digits, "-" and "_"; at most 64.',
  DOMAIN_UNKNOWN: '`hop domains` lists the short hosts that there are.',
  DESTINATION_INVALID: 'It has to be a whole URL, such as https://example.org/page.',
  DESTINATION_REFUSED:
    'Links to private networks, to short links and to hosts that were taken down are not allowed here.',
  ETAG_STALE: 'Look at it again with `hop show`, then repeat the change.',
  WORKSPACE_NOT_FOUND: '`hop workspaces ls` lists those that you belong to.',
  MEMBER_NOT_FOUND: '`hop members ls` lists them.',
  INVITATION_NOT_FOUND: 'Ask for a new one.',
  ALREADY_MEMBER: '`hop workspaces use` goes there.',
  OWNER_ONLY: 'Ask an owner of the workspace: `hop members ls`.',
  LAST_OWNER: 'For example: `hop members role grace@example.org owner`.',
  INVITATION_LIMIT_REACHED: 'Take one back with `hop invitations rm`.',
  WORKSPACE_LIMIT_REACHED: 'Leave one with `hop members leave`.',
  API_KEY_LIMIT_REACHED: 'Delete one with `hop keys rm`.',
  RATE_LIMITED: 'Wait a little, or make many links at once with `hop create -`, which keeps to the limits.',
  OVERLOADED: 'Try again in a moment.',
  DEPENDENCY_UNAVAILABLE: 'Try again in a moment; `hop status` says what is down.',
  DEADLINE_EXCEEDED: 'Try again in a moment; `hop status` says what is down.',
  INTERVAL_INVALID: 'Intervals: minute, hour, day, week, month; at most 10,000 of them in the range.',
  TIMEZONE_INVALID: 'Zones have names such as Europe/Zurich.',
};

/** An error of the installation at `url` as lines for a person: what is wrong, which field, and what to do. */
export function explain(error: HoplineError, url: string): string[] {
  if (error.reason === 'UNREACHABLE') return explainLost(error, url);
  const lines = faultsOf(error, url);
  const scope = error.metadata.scope;
  if (error.reason === 'SCOPE_MISSING' && scope) lines.push(`  needed: ${scope}`);
  if (error.retryAfterMs !== undefined && error.retryAfterMs >= 1_000)
    lines.push(`  again in ${Math.ceil(error.retryAfterMs / 1_000)} s`);
  const advice = adviceByReason[error.reason];
  return advice ? [...lines, advice] : lines;
}

/** One per line. If fields are invalid the message lists them already. */
function faultsOf({ reason, message, fields }: HoplineError, url: string): string[] {
  if (reason === 'CREDENTIALS_MISSING') return [`You are not signed in to ${url}.`];
  const faults = fields.map(({ field, description }) => (field ? `${field}: ${description}` : description));
  const [first = message, ...more] = faults.join('; ') === message ? faults : [message, ...faults];
  return [first, ...more.map((line) => `  ${line}`)].map((line) => line.replace(/^( *)patch\./, '$1'));
}

const untrusted: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const notHttp2: ReadonlySet<string> = new Set(['ERR_HTTP2_ERROR', 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL']);

/** A call without an answer. Node tells why with a code, but for a connection that was closed. */
function explainLost({ cause: failure }: HoplineError, url: string): string[] {
  const { rawMessage = '', cause } = failure as {
    readonly rawMessage?: string;
    readonly cause?: { readonly code?: string };
  };
  const code = cause?.code ?? '';
  const detail = `  ${rawMessage.split('\n')[0]}`;
  if (untrusted.has(code))
    return [
      `The certificate of ${url} is not trusted.`,
      detail,
      'If an authority of your own signed it: NODE_EXTRA_CA_CERTS names the file with its certificate.',
    ];
  if (notHttp2.has(code))
    return [
      `What answers at ${url} does not speak HTTP/2.`,
      detail,
      'A proxy before an installation has to pass it on.',
    ];
  if (code === '' || code === 'ECONNRESET')
    return [
      `The connection to ${url} was closed before an answer came.`,
      'Look first whether a change was made, then try again. Is the address right, with https:// or http://?',
    ];
  return [
    `Nothing answers at ${url}.`,
    detail,
    'Is the address right, and the installation up? It is set by --url, HOP_URL or `hop login --url`.',
  ];
}
