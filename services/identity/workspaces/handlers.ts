import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { InvitationSchema } from '#gen/identity/v1/invitation_pb.ts';
import type { MemberSchema } from '#gen/identity/v1/member_pb.ts';
import type { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { personOf } from '#runtime/caller/access.ts';
import { logFields } from '#runtime/rpc/call.ts';
import { created, logNamed, secret, signedInPerson } from '../answers.ts';
import type { InvitationRecord, MemberRecord } from '../store.ts';
import type { WorkspaceDeletion } from './deletion.ts';
import type { Invitations } from './invitations.ts';
import type { Workspaces } from './workspaces.ts';

interface Dependencies {
  readonly workspaces: Workspaces;
  readonly deletion: WorkspaceDeletion;
  readonly invitations: Invitations;
}

type Handlers = ServiceImpl<typeof WorkspaceService>;

const notByKey = 'An API key cannot do this for its person; sign in.';

export function createWorkspaceHandlers({ workspaces, deletion, invitations }: Dependencies): Handlers {
  return {
    ...workspaceHandlers(workspaces, deletion),
    ...memberHandlers(workspaces),
    ...invitationHandlers(invitations),
  };
}

function workspaceHandlers(
  workspaces: Workspaces,
  deletion: WorkspaceDeletion,
): Pick<Handlers, 'listWorkspaces' | 'createWorkspace' | 'updateWorkspace' | 'deleteWorkspace'> {
  return {
    async listWorkspaces(_request, context) {
      const { userId } = signedInPerson(context, notByKey);
      return { workspaces: [...(await workspaces.list(userId))] };
    },
    async createWorkspace({ name }, context) {
      const workspace = await workspaces.create(signedInPerson(context, notByKey).userId, name);
      created(context);
      logFields(context).created_workspace_id = workspace.id;
      return workspace;
    },
    updateWorkspace({ name }, context) {
      return workspaces.rename(signedInPerson(context, notByKey), name);
    },
    async deleteWorkspace({ id, currentPassword }, context) {
      const { userId } = signedInPerson(context, notByKey);
      logNamed(context, 'deleted_workspace_id', id);
      await deletion.delete({ workspaceId: id.toLowerCase(), userId, currentPassword }, context.signal);
      return {};
    },
  };
}

function memberHandlers(workspaces: Workspaces): Pick<Handlers, 'listMembers' | 'updateMember' | 'removeMember'> {
  return {
    async listMembers(_request, context) {
      const caller = personOf(context);
      const members = await workspaces.listMembers(caller);
      return { members: members.map((member) => memberMessage(member, caller.userId)) };
    },
    async updateMember({ userId, role }, context) {
      const caller = signedInPerson(context, notByKey);
      logMemberChange(context, 'role', userId);
      return memberMessage(await workspaces.changeRole(caller, userId, role), caller.userId);
    },
    async removeMember({ userId }, context) {
      const caller = signedInPerson(context, notByKey);
      logMemberChange(context, 'removal', userId);
      await workspaces.removeMember(caller, userId);
      return {};
    },
  };
}

function invitationHandlers(
  invitations: Invitations,
): Pick<
  Handlers,
  'createInvitation' | 'listInvitations' | 'deleteInvitation' | 'lookUpInvitation' | 'acceptInvitation'
> {
  return {
    async createInvitation(request, context) {
      const made = await invitations.create(signedInPerson(context, notByKey), request);
      created(context);
      logFields(context).invitation_id = made.invitation.id;
      return secret(context, { ...invitationMessage(made.invitation), secret: made.secret, url: made.url });
    },
    async listInvitations(_request, context) {
      return { invitations: (await invitations.list(personOf(context))).map(invitationMessage) };
    },
    async deleteInvitation({ id }, context) {
      logNamed(context, 'invitation_id', id);
      await invitations.takeBack(signedInPerson(context, notByKey), id);
      return {};
    },
    async lookUpInvitation(request, context) {
      const { expiresAt, ...found } = await invitations.lookUp(
        signedInPerson(context, notByKey).userId,
        request.secret,
      );
      return { ...found, expiresAt: timestampFromDate(expiresAt) };
    },
    async acceptInvitation(request, context) {
      const workspace = await invitations.accept(signedInPerson(context, notByKey).userId, request.secret);
      logFields(context).joined_workspace_id = workspace.id;
      return workspace;
    },
  };
}

function logMemberChange(context: HandlerContext, change: 'role' | 'removal', userId: string): void {
  logFields(context).member_change = change;
  logNamed(context, 'member_id', userId);
}

function memberMessage(
  { userId, email, name, role, joinedAt }: MemberRecord,
  callerId: string,
): MessageInitShape<typeof MemberSchema> {
  return { userId, email, name, role, joinedAt: timestampFromDate(joinedAt), isCurrent: userId === callerId };
}

function invitationMessage({
  createdAt,
  expiresAt,
  ...invitation
}: InvitationRecord): MessageInitShape<typeof InvitationSchema> {
  return { ...invitation, createdAt: timestampFromDate(createdAt), expiresAt: timestampFromDate(expiresAt) };
}
