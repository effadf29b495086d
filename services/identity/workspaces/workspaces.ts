import type { PersonCaller } from '#runtime/caller/token.ts';
import { forbidden, type HopError, invalid, notFound, precondition } from '#runtime/errors/errors.ts';
import { isRole, type Role, roles, scopesOf } from '../roles.ts';
import type { MemberRecord, NamedMember, WorkspaceRecord, WorkspaceStore } from '../store.ts';

export interface Workspaces {
  /** Those that the person belongs to. */
  list(userId: string): Promise<readonly WorkspaceRecord[]>;
  /** The person becomes its owner. */
  create(userId: string, name: string): Promise<WorkspaceRecord>;
  rename(caller: PersonCaller, name: string): Promise<WorkspaceRecord>;
  listMembers(caller: PersonCaller): Promise<readonly MemberRecord[]>;
  changeRole(caller: PersonCaller, userId: string, role: string): Promise<MemberRecord>;
  /** Whoever removes themselves leaves. */
  removeMember(caller: PersonCaller, userId: string): Promise<void>;
}

export function createWorkspaces(store: WorkspaceStore): Workspaces {
  return {
    list: (userId) => store.listWorkspaces(userId),
    async create(userId, name) {
      const workspace = await store.createWorkspace(userId, checkedName(name), mostWorkspaces);
      if (workspace === 'limit_reached') throw tooManyWorkspaces();
      if (workspace === 'no_person') throw notFound('USER_NOT_FOUND', 'The account is gone.');
      return workspace;
    },
    async rename({ userId, workspaceId }, name) {
      const renamed = await store.renameWorkspace(userId, workspaceId, checkedName(name));
      if (!renamed) throw noWorkspace();
      return renamed;
    },
    listMembers: ({ workspaceId }) => store.listMembers(workspaceId),
    changeRole(caller, userId, role) {
      const next = checkedRole(role);
      return store.changeRole(named(caller, userId), next, ({ actorRole, memberRole, owners }) => {
        const actor = checkedAdmin(actorRole);
        if (!memberRole) throw noMember();
        if (memberRole === 'owner' || next === 'owner') checkOwner(actor);
        if (memberRole === 'owner' && next !== 'owner') checkOwnerLeft(owners);
      });
    },
    removeMember(caller, userId) {
      const member = named(caller, userId);
      return store.removeMember(member, personalWorkspace, ({ actorRole, memberRole, owners }) => {
        const actor = member.userId === caller.userId ? actorRole : checkedAdmin(actorRole);
        if (!memberRole) throw noMember();
        if (memberRole !== 'owner') return;
        checkOwner(actor);
        checkOwnerLeft(owners);
      });
    },
  };
}

/** The member whom the caller means by an id, in any case, or by "me". */
function named({ userId: actorId, workspaceId }: PersonCaller, userId: string): NamedMember {
  return { workspaceId, actorId, userId: userId === 'me' ? actorId : userId.toLowerCase() };
}

/** Of one person. */
export const mostWorkspaces = 100;

/** The name of the workspace that comes with an account. */
export const personalWorkspace = 'Personal';

/** From the database rather than from the token, which keeps a role for a while after it was taken away. */
export function checkedAdmin(role: Role | undefined): Role {
  if (role && scopesOf(role).includes('workspace:admin')) return role;
  const scope = 'workspace:admin';
  throw forbidden('ROLE_MISSING', `This call needs the scope ${scope}.`, { scope, role: role ?? '' });
}

export function checkOwner(role: Role | undefined): void {
  if (role !== 'owner') throw forbidden('OWNER_ONLY', 'Only an owner of the workspace may do this.');
}

export function checkedRole(role: string): Role {
  if (isRole(role)) return role;
  throw invalid('role', `Expected one of ${roles.join(', ')}.`);
}

function checkOwnerLeft(owners: number): void {
  if (owners <= 1) throw lastOwner();
}

export function lastOwner(): HopError {
  return precondition('LAST_OWNER', 'A workspace needs an owner; make somebody else an owner first.');
}

export function noWorkspace(): HopError {
  return notFound('WORKSPACE_NOT_FOUND', 'There is no such workspace.');
}

export function tooManyWorkspaces(): HopError {
  return precondition('WORKSPACE_LIMIT_REACHED', `A person belongs to at most ${mostWorkspaces} workspaces.`);
}

function noMember(): HopError {
  return notFound('MEMBER_NOT_FOUND', 'There is no such member of this workspace.');
}

function checkedName(name: string): string {
  const trimmed = name.trim();
  if (trimmed !== '' && !/\p{Cc}/u.test(trimmed)) return trimmed;
  throw invalid('name', 'A name is needed, without control characters.');
}
