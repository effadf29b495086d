/** What a person reads about a problem: what happened, and what to do about it. */
export interface Advice {
  readonly title: string;
  readonly advice: string;
  /** Whether it may be temporary. */
  readonly passes?: boolean;
}

const notOfRole = {
  title: 'Not allowed',
  advice: 'Your role in this workspace does not include this. An owner or admin can give you another one.',
};

const busy = {
  title: 'Hopline is busy',
  advice: 'Nothing was changed. Wait a moment and try again.',
  passes: true,
};

const signedOut = {
  title: 'You are signed out',
  advice: 'Sign in again; what you typed is still here.',
};

/** By reason; docs/errors.md has the list. Missing ones are shown as a fault of ours. */
const known: Readonly<Record<string, Advice>> = {
  OFFLINE: {
    title: 'You are offline',
    advice: 'Nothing is lost: try again once this device has a connection.',
    passes: true,
  },
  UNREACHABLE: {
    title: 'Hopline cannot be reached',
    advice: 'Check the connection, then try again.',
    passes: true,
  },
  DEADLINE_EXCEEDED: {
    title: 'This took too long',
    advice: 'Hopline gave no answer in time. If you were saving, check first whether it worked, then try again.',
    passes: true,
  },
  DEPENDENCY_UNAVAILABLE: {
    title: 'A part of Hopline is not responding',
    advice: 'Short links still work. Try again in a minute; the system page says what is wrong.',
    passes: true,
  },
  OVERLOADED: busy,
  SHUTTING_DOWN: busy,
  RATE_LIMITED: { title: 'Too many calls', advice: 'Wait a moment before you try again.' },
  CREDENTIALS_MISSING: signedOut,
  CREDENTIALS_INVALID: signedOut,
  CREDENTIALS_EXPIRED: signedOut,
  REFRESH_TOKEN_INVALID: signedOut,
  REFRESH_TOKEN_REUSED: {
    title: 'This session has ended',
    advice: 'Its key was used a second time, so it was closed to keep your account safe. Sign in again.',
  },
  LOGIN_FAILED: {
    title: 'That did not match',
    advice: 'The email or the password is wrong. Check both and try again.',
  },
  CURRENT_PASSWORD_WRONG: {
    title: 'That is not your current password',
    advice: 'Nothing was changed, and you are still signed in. Try again.',
  },
  EMAIL_TAKEN: { title: 'This email has an account already', advice: 'Log in to it, or use another email.' },
  PASSWORD_TOO_COMMON: { title: 'Too easy to guess', advice: 'Choose a longer passphrase of a few unrelated words.' },
  SCOPE_MISSING: notOfRole,
  ROLE_MISSING: notOfRole,
  OPERATOR_ONLY: {
    title: 'Only for operators of this installation',
    advice: 'Whoever runs it can give your workspace access.',
  },
  INVALID_ARGUMENT: { title: 'Something needs a correction', advice: 'See the messages at the fields.' },
  LINK_NOT_FOUND: {
    title: 'There is no such link',
    advice: 'It may have been renamed, or it belongs to another workspace. Look for it in the list.',
  },
  LINK_DELETED: { title: 'This link was deleted', advice: 'It can be restored for 30 days after it was deleted.' },
  LINK_TAKEN_DOWN: {
    title: 'This link was taken down',
    advice: 'Whoever runs this installation has stopped it and can reverse this. Until then it can only be deleted.',
  },
  WORKSPACE_TAKEN_DOWN: {
    title: 'This workspace was taken down',
    advice: 'It can no longer create links. Whoever runs this installation can reverse this.',
  },
  UNDELETE_EXPIRED: { title: 'Too late to restore', advice: 'Links can be restored for 30 days. Create a new one.' },
  ALIAS_TAKEN: { title: 'That alias is taken', advice: 'Choose another one; deleted links keep theirs for 30 days.' },
  ALIAS_RESERVED: { title: 'That alias is reserved', advice: 'It is part of how Hopline works. Choose another one.' },
  ALIAS_INVALID: {
    title: 'That alias cannot be used',
    advice: 'Use 1 to 64 letters, digits, hyphens and underscores.',
  },
  DESTINATION_INVALID: {
    title: 'That address cannot be linked to',
    advice: 'Paste a whole address that begins with https:// or http://.',
  },
  DESTINATION_REFUSED: {
    title: 'That host cannot be linked to',
    advice: 'Private hosts, our own short links and hosts that were taken down are refused.',
  },
  DOMAIN_UNKNOWN: {
    title: 'That domain is not ours',
    advice: 'The address names a domain that this installation does not have. Look for the link in the list.',
  },
  ETAG_STALE: {
    title: 'Somebody changed this in the meantime',
    advice: 'Look at the new state, then make your change again.',
  },
  PAGE_TOKEN_INVALID: { title: 'The list has moved on', advice: 'Reload it from the beginning.', passes: true },
  SESSION_NOT_FOUND: { title: 'That session has ended', advice: 'Reload the list.' },
  WORKSPACE_NOT_FOUND: { title: 'You do not belong to it any more', advice: 'Reload the list of your workspaces.' },
  MEMBER_NOT_FOUND: { title: 'There is no such member', advice: 'They may have left. Reload the list.' },
  INVITATION_NOT_FOUND: {
    title: 'This invitation cannot be used',
    advice: 'It was accepted or taken back, or it has expired. Ask for a new one.',
  },
  ALREADY_MEMBER: { title: 'You are a member already', advice: 'Choose the workspace above the navigation.' },
  OWNER_ONLY: { title: 'Only for owners', advice: 'An owner of the workspace can do this, or make you one.' },
  LAST_OWNER: {
    title: 'A workspace needs an owner',
    advice: 'On the page Members, make somebody else an owner, or remove the other members first.',
  },
  MEMBER_LIMIT_REACHED: { title: 'No room for another member', advice: 'Somebody has to be removed first.' },
  WORKSPACE_LIMIT_REACHED: { title: 'You belong to too many workspaces', advice: 'Leave one first.' },
  INVITATION_LIMIT_REACHED: { title: 'Too many open invitations', advice: 'Take one back first.' },
  API_KEY_NOT_FOUND: { title: 'There is no such key', advice: 'It may have been deleted. Reload the list.' },
  API_KEY_LIMIT_REACHED: { title: 'No room for another key', advice: 'Delete a key that is not used any more.' },
  RANGE_INVALID: { title: 'That range does not work', advice: 'Choose an earlier start or a later end.' },
  INTERVAL_INVALID: { title: 'Too fine for this range', advice: 'Choose a longer interval or a shorter range.' },
  TIMEZONE_INVALID: { title: 'That time zone is not known', advice: 'Choose another one.' },
};

const unknown: Advice = {
  title: 'Something broke on our side',
  advice: 'It is not your fault. Try again; if it happens again, tell whoever runs this installation when it happened.',
};

export const adviceFor = (reason: string): Advice => known[reason] ?? unknown;
