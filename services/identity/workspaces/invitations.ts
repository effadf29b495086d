import { createHash, randomBytes } from 'node:crypto';
import type { PersonCaller } from '#runtime/caller/token.ts';
import { type HopError, invalid, notFound, precondition, taken } from '#runtime/errors/errors.ts';
import type { FoundInvitation, InvitationRecord, InvitationStore, Refusal, WorkspaceRecord } from '../store.ts';
import { checkedAdmin, checkedRole, checkOwner, mostWorkspaces, tooManyWorkspaces } from './workspaces.ts';

/** Only here is the secret: neither it nor the URL is stored. */
interface NewInvitation {
  readonly invitation: InvitationRecord;
  readonly secret: string;
  readonly url: string;
}

export interface Invitations {
  create(caller: PersonCaller, request: { readonly role: string; readonly name: string }): Promise<NewInvitation>;
  /** Those of the workspace that can still be accepted, newest first. */
  list(caller: PersonCaller): Promise<readonly InvitationRecord[]>;
  takeBack(caller: PersonCaller, id: string): Promise<void>;
  lookUp(userId: string, secret: string): Promise<FoundInvitation>;
  /** Returns the workspace that the person belongs to from now on. */
  accept(userId: string, secret: string): Promise<WorkspaceRecord>;
}

interface InvitationParts {
  readonly store: InvitationStore;
  /** The installation, whose dashboard has a page for accepting. */
  readonly publicUrl: string;
  readonly now: () => number;
}

const prefix = 'hopi_';
const wellFormed = /^hopi_[A-Za-z0-9_-]{43}$/;
const lifetimeMs = 7 * 86_400_000;
const limits = { openInvitations: 100, members: 500, workspaces: mostWorkspaces };

export function createInvitations({ store, publicUrl, now }: InvitationParts): Invitations {
  const page = new URL('/app/join', publicUrl);
  return {
    async create({ userId, workspaceId }, { role, name }) {
      const request = { workspaceId, invitedBy: userId, role: checkedRole(role), name: checkedName(name) };
      const secret = prefix + randomBytes(32).toString('base64url');
      const [at, expiresAt] = [new Date(now()), new Date(now() + lifetimeMs)];
      const made = { ...request, secretHash: hashOf(secret), at, expiresAt };
      const invitation = await store.createInvitation(made, limits.openInvitations, (actorRole) => {
        const actor = checkedAdmin(actorRole);
        if (request.role === 'owner') checkOwner(actor);
      });
      if (invitation === 'limit_reached') throw tooManyOpen();
      return { invitation, secret, url: `${page}#${secret}` };
    },

    list: ({ workspaceId }) => store.listInvitations(workspaceId, new Date(now())),

    async takeBack({ workspaceId }, id) {
      if (!(await store.deleteInvitation(id, workspaceId, new Date(now())))) throw noInvitation();
    },

    async lookUp(userId, secret) {
      const found = wellFormed.test(secret)
        ? await store.findInvitation(hashOf(secret), userId, new Date(now()))
        : undefined;
      if (!found) throw noInvitation();
      return found;
    },

    async accept(userId, secret) {
      if (!wellFormed.test(secret)) throw noInvitation();
      const workspace = await store.acceptInvitation(hashOf(secret), userId, new Date(now()), limits);
      if (typeof workspace === 'string') throw refusalOf(workspace);
      return workspace;
    },
  };
}

function refusalOf(refusal: Refusal): HopError {
  switch (refusal) {
    case 'not_found':
      return noInvitation();
    case 'already_member':
      return taken('ALREADY_MEMBER', 'You are a member of this workspace already.');
    case 'too_many_members':
      return precondition('MEMBER_LIMIT_REACHED', `A workspace has at most ${limits.members} members.`);
    case 'too_many_workspaces':
      return tooManyWorkspaces();
  }
}

function noInvitation(): HopError {
  return notFound(
    'INVITATION_NOT_FOUND',
    'There is no such invitation: it may have been accepted or taken back, or it has expired.',
  );
}

function tooManyOpen(): HopError {
  return precondition(
    'INVITATION_LIMIT_REACHED',
    `A workspace has at most ${limits.openInvitations} open invitations; take one back first.`,
  );
}

function checkedName(name: string): string {
  const trimmed = name.trim();
  if (/\p{Cc}/u.test(trimmed)) throw invalid('name', 'A name has no control characters.');
  return trimmed;
}

// A fast hash is enough: there are 256 random bits to guess.
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
