import { setTimeout as sleep } from 'node:timers/promises';
import { clone } from '@bufbuild/protobuf';
import { ChangeKind, type LinkRecord, LinkRecordSchema } from '#gen/link/v1/change_pb.ts';
import { forbidden, HopError, invalid, notFound, taken } from '#runtime/errors/errors.ts';
import { isLookalike } from '#runtime/shortlink/code-filter.ts';
import type { LinkKey } from '#runtime/shortlink/link-key.ts';
import { dateOf, timestampOf } from '#runtime/shortlink/link-record.ts';
import { counter } from '#runtime/telemetry/metrics.ts';
import { metric } from '#runtime/telemetry/schema.ts';
import { type CacheWriter, writeWithin } from '../cache/cache-writer.ts';
import type { CodeSource } from '../codes/code-blocks.ts';
import type { ChangeOutcome, ChosenCode, CreateOutcome, Edit, Idempotency, LinkStore, NewLink } from '../store.ts';
import { requireEtag, requireMatch } from './etag.ts';
import { checkEnd } from './link-fields.ts';

/** The new values of a link's fields; undefined leaves one unchanged, null clears it. */
export interface LinkEdit {
  readonly alias?: string | undefined;
  readonly destination?: string | undefined;
  readonly expiresAt?: Date | null | undefined;
  /** In place of expiresAt: the link ends this many seconds after the edit. */
  readonly ttl?: number | undefined;
  readonly isActive?: boolean | undefined;
  readonly title?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly redirectStatus?: number | undefined;
  readonly maxClicks?: number | null | undefined;
}

/** A link of a workspace, and the state in which the caller last saw it. */
export interface Target {
  readonly workspaceId: string;
  readonly key: LinkKey;
  readonly etag?: string | undefined;
  /** The HTTP header, unparsed. */
  readonly ifMatch?: string | undefined;
}

/** The operations on links. Every change is in the cache, or owed to it, before the call is answered. */
export interface Links {
  create(link: NewLink, alias: string | undefined, idempotency?: Idempotency): Promise<CreatedLink>;
  update(target: Target, edit: LinkEdit): Promise<LinkRecord>;
  delete(target: Target): Promise<void>;
  undelete(target: Target): Promise<LinkRecord>;
}

interface CreatedLink {
  readonly record: LinkRecord;
  /** Whether the idempotency key had already created it. */
  readonly replayed: boolean;
}

export interface LinksSettings {
  readonly store: LinkStore;
  readonly codes: CodeSource;
  /** Throws OVERLOADED when a new link would wait too long; by default all are accepted. */
  readonly admit?: () => void;
  readonly writeToCache: CacheWriter;
  readonly cacheWriteMs: number;
  /** How long the answer to a new alias that looks generated is delayed, while the resolvers' filters learn it. */
  readonly lookalikeDelayMs: number;
}

/** For how long a deleted link can be restored. */
export const undeleteDays = 30;
/** An alias may occupy the place of a generated code; this many in a row mean that something else is wrong. */
const mostCollisions = 20;

const creates = counter(metric.linkCreates);
const codesTaken = counter(metric.linkCodesTaken);
const changes = counter(metric.linkChanges);

export function createLinks({ store, codes, ...settings }: LinksSettings): Links {
  /** Waits until the resolvers' filters have learnt a code that has been announced by now. */
  const learnt = async (record: LinkRecord): Promise<void> => {
    if (isLookalike(record)) await sleep(settings.lookalikeDelayMs);
  };

  /** What has to happen between the commit and the answer. */
  async function settle(record: LinkRecord, previousCode: string, hasNewCode: boolean): Promise<void> {
    const written = writeWithin(settings.cacheWriteMs, settings.writeToCache(record, previousCode));
    await Promise.all([written, hasNewCode && learnt(record)]);
  }

  async function change(kind: ChangeName, target: Target, edit: Editor, newCode?: string): Promise<LinkRecord> {
    const checked: Editor = (current, now) => {
      // The precondition counts only if the caller may see the link (RFC 9110, 13.2.1).
      const wanted = edit(current, now);
      requireEtag(target.etag, current);
      requireMatch(target.ifMatch, current);
      return wanted;
    };
    const request = { workspaceId: target.workspaceId, key: target.key, newCode };
    const changed = found(await store.change(request, checked), newCode);
    if (changed.outcome === 'changed') {
      changes.add(1, { kind });
      await settle(changed.record, changed.previousCode, changed.previousCode !== '');
    }
    return changed.record;
  }

  return {
    async create(link, alias, idempotency) {
      const made = await createOnce({ store, codes, ...settings }, link, alias, idempotency).catch((error: unknown) => {
        creates.add(1, { outcome: failureName(error) });
        throw error;
      });
      creates.add(1, { outcome: made.outcome });
      if (made.outcome === 'created') {
        changes.add(1, { kind: 'create' });
        await settle(made.record, '', true);
      } else {
        // A concurrent duplicate may have created it just now: it gets the time that its own settling may take.
        await Promise.all([sleep(settings.cacheWriteMs), learnt(made.record)]);
      }
      return { record: made.record, replayed: made.outcome === 'replayed' };
    },
    update: (target, edit) => change('update', target, (current, now) => edited(current, edit, now), edit.alias),
    async delete(target) {
      await change('delete', target, deleted);
    },
    undelete: (target) => change('undelete', target, restored),
  };
}

type ChangeName = 'update' | 'delete' | 'undelete';
type Editor = (current: LinkRecord, now: Date) => Edit | undefined;

async function createOnce(
  { store, codes, admit }: Pick<LinksSettings, 'store' | 'codes' | 'admit'>,
  link: NewLink,
  alias: string | undefined,
  idempotency: Idempotency | undefined,
): Promise<{ outcome: 'created' | 'replayed'; record: LinkRecord }> {
  admit?.();
  const end = checkEnd(link.expiresAt, Date.now());
  if ('violation' in end) {
    // What was created in time is returned again; nothing new can be created.
    const before = idempotency && (await store.replay(link.workspaceId, idempotency));
    if (before) return answerOf(before, alias);
    throw invalid(end.violation.field, end.violation.description, end.violation.reason);
  }
  for (let attempt = 0; attempt < mostCollisions; attempt++) {
    const code: ChosenCode = alias === undefined ? await codes.next() : { code: alias, number: 0, codeKeyId: 0 };
    const made: CreateOutcome = await store.create(link, code, idempotency);
    if (made.outcome !== 'code_taken' || alias !== undefined) return answerOf(made, alias);
    codesTaken.add(1);
  }
  throw new HopError('internal', 'INTERNAL', 'No free code was found.');
}

function answerOf(made: CreateOutcome, alias: string | undefined): Extract<CreateOutcome, { record: LinkRecord }> {
  if ('record' in made) return made;
  throw refusals[made.outcome](alias);
}

const refusals = {
  code_taken: aliasTaken,
  key_reused: () => taken('IDEMPOTENCY_KEY_REUSED', 'This idempotency key was used with another request.'),
  key_busy: () => taken('IDEMPOTENCY_IN_PROGRESS', 'The same request is still being processed; try again in a moment.'),
  missing: noSuchLink,
  link_taken_down: () =>
    forbidden('LINK_TAKEN_DOWN', 'The operator of this installation has taken this link down; it can only be deleted.'),
  workspace_taken_down: () =>
    forbidden('WORKSPACE_TAKEN_DOWN', 'The operator of this installation has taken this workspace down.'),
  host_taken_down: () =>
    invalid('long_url', 'must not lead to a host that the operator has taken down', 'DESTINATION_REFUSED'),
} as const;

function failureName(error: unknown): string {
  if (!(error instanceof HopError)) return 'failed';
  if (error.kind === 'taken') return 'taken';
  if (error.kind === 'invalid' || error.kind === 'forbidden') return 'refused';
  return error.reason === 'OVERLOADED' ? 'shed' : 'failed';
}

function aliasTaken(alias = ''): HopError {
  return taken('ALIAS_TAKEN', 'This alias belongs to another link.', { alias });
}

function found(changed: ChangeOutcome, newCode: string | undefined): Extract<ChangeOutcome, { record: LinkRecord }> {
  if ('record' in changed) return changed;
  throw refusals[changed.outcome](newCode);
}

/** In the API a deleted link is absent until it is restored; lists include it if its state is asked for. */
export function refuseDeleted(record: LinkRecord): void {
  if (record.deletedAt) throw notFound('LINK_DELETED', 'This link is deleted; restore it first.');
}

export function noSuchLink(): HopError {
  return notFound('LINK_NOT_FOUND', 'There is no such link.');
}

function edited(current: LinkRecord, edit: LinkEdit, now: Date): Edit | undefined {
  refuseDeleted(current);
  const next = clone(LinkRecordSchema, current);
  if (edit.alias !== undefined && edit.alias !== current.code) {
    next.code = edit.alias;
    next.number = 0n;
    next.codeKeyId = 0;
  }
  next.destination = edit.destination ?? current.destination;
  next.title = edit.title ?? current.title;
  next.tags = edit.tags ? [...edit.tags] : next.tags;
  next.redirectStatus = edit.redirectStatus ?? current.redirectStatus;
  if (edit.isActive !== undefined) next.disabled = !edit.isActive;
  if (edit.ttl !== undefined) next.expiresAt = timestampOf(new Date(now.getTime() + edit.ttl * 1_000));
  else if (edit.expiresAt === null) delete next.expiresAt;
  else if (edit.expiresAt) next.expiresAt = timestampOf(edit.expiresAt);
  // Whether that makes it used up is for the store to decide.
  if (edit.maxClicks !== undefined) next.maxClicks = edit.maxClicks ?? 0;
  if (Object.values(edit).every((value) => value === undefined)) return undefined;
  next.updatedAt = timestampOf(now);
  return { kind: next.code === current.code ? ChangeKind.UPDATED : ChangeKind.RENAMED, next };
}

function deleted(current: LinkRecord, now: Date): Edit {
  if (current.deletedAt) throw noSuchLink();
  const next = clone(LinkRecordSchema, current);
  next.deletedAt = timestampOf(now);
  next.updatedAt = next.deletedAt;
  return { kind: ChangeKind.DELETED, next };
}

function restored(current: LinkRecord, now: Date): Edit | undefined {
  if (!current.deletedAt) return undefined;
  if (now.getTime() - dateOf(current.deletedAt).getTime() > undeleteDays * 86_400_000) {
    throw notFound('UNDELETE_EXPIRED', `This link was deleted more than ${undeleteDays} days ago.`);
  }
  const next = clone(LinkRecordSchema, current);
  delete next.deletedAt;
  next.updatedAt = timestampOf(now);
  return { kind: ChangeKind.RESTORED, next };
}
