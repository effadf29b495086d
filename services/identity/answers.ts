import type { HandlerContext } from '@connectrpc/connect';
import { personOf } from '#runtime/caller/access.ts';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { forbidden } from '#runtime/errors/errors.ts';
import { logFields } from '#runtime/rpc/call.ts';
import { isUuid } from '#runtime/shortlink/link-key.ts';

/** The caller, unless that is an API key, which is refused with these words. */
export function signedInPerson(context: HandlerContext, refusal: string): PersonCaller {
  const person = personOf(context);
  if (person.kind === 'user') return person;
  throw forbidden('CALLER_KIND_REFUSED', refusal);
}

/** What a call is about, by its id. Any other text is left out: it may be the secret itself, from somebody who has nothing else of it. */
export function logNamed(
  context: HandlerContext,
  field: 'session_id' | 'api_key_id' | 'member_id' | 'invitation_id' | 'deleted_workspace_id',
  id: string,
): void {
  if (isUuid(id)) logFields(context)[field] = id;
}

// Both are sent once nothing can fail any more: metadata sent before an error would cost the error its Retry-After.
export function created(context: HandlerContext): void {
  context.responseHeader.set('x-status', '201');
}

export function secret<Answer>(context: HandlerContext, answer: Answer): Answer {
  context.responseHeader.set('cache-control', 'no-store');
  return answer;
}
