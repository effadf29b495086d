import {
  create,
  type DescMethod,
  type DescService,
  getOption,
  type JsonObject,
  type Message,
  toJson,
} from '@bufbuild/protobuf';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { WorkspaceService } from '#gen/identity/v1/workspace_service_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { access, Exposure } from '#gen/options/v1/access_pb.ts';
import { StatusService } from '#gen/status/v1/status_service_pb.ts';
import { http } from '#gen-google/api/annotations_pb.ts';
import type { HttpRule } from '#gen-google/api/http_pb.ts';

/** One way to say a call by REST. */
export interface RestForm {
  readonly method: string;
  readonly path: string;
  readonly body?: JsonObject;
}

/** A call of the API that is open to the outside. */
export interface PublicCall {
  /** LinkService/CreateLink */
  readonly name: string;
  /** /hop.link.v1.LinkService/CreateLink */
  readonly path: string;
  readonly method: DescMethod;
  readonly scope: string;
  readonly anonymous: boolean;
  readonly rules: readonly HttpRule[];
}

const services: readonly DescService[] = [
  LinkService,
  IdentityService,
  WorkspaceService,
  AnalyticsService,
  StatusService,
];

/** Every public call of the contract, as the protos have it: a new one is attacked as soon as it is there. */
export const publicCalls: readonly PublicCall[] = services.flatMap((service) =>
  service.methods
    .filter((method) => getOption(method, access).exposure === Exposure.PUBLIC)
    .map((method) => {
      const { scope, anonymous } = getOption(method, access);
      const rule = method.methodKind === 'unary' ? getOption(method, http) : undefined;
      return {
        name: `${service.name}/${method.name}`,
        path: `/${service.typeName}/${method.name}`,
        method,
        scope,
        anonymous,
        rules: rule ? [rule, ...rule.additionalBindings] : [],
      };
    }),
);

/** What a good request is about. */
export interface Subject {
  readonly code: string;
  readonly apiKeyId: string;
  /** A member. */
  readonly userId: string;
  readonly invitationId: string;
  readonly refreshToken: string;
}

const named = ({ code }: Subject) => ({ code });

/** A good request for each call, by its name; without one a call cannot be tested, and a test says so. */
const requests: Readonly<Record<string, (subject: Subject) => Record<string, unknown>>> = {
  'LinkService/CreateLink': () => ({ longUrl: 'https://example.org/contract' }),
  'LinkService/GetLink': named,
  'LinkService/UpdateLink': ({ code }) => ({ code, patch: { title: 'taken over' } }),
  'LinkService/DeleteLink': named,
  'LinkService/UndeleteLink': named,
  'LinkService/ListLinks': () => ({ pageSize: 10 }),
  'LinkService/ListDomains': () => ({}),
  'IdentityService/SignUp': () => ({ email: 'not an address', password: 'x' }),
  'IdentityService/LogIn': () => ({ email: 'nobody@example.org', password: 'nothing at all' }),
  'IdentityService/RefreshSession': ({ refreshToken }) => ({ refreshToken }),
  'IdentityService/LogOut': () => ({}),
  'IdentityService/GetCurrentUser': () => ({}),
  'IdentityService/UpdateCurrentUser': () => ({ name: 'Ada' }),
  'IdentityService/ChangePassword': () => ({ currentPassword: 'nothing at all', newPassword: 'x' }),
  'IdentityService/DeleteCurrentUser': () => ({ currentPassword: 'nothing at all' }),
  // The scope that every caller of it has, and so may give.
  'IdentityService/CreateApiKey': () => ({ name: 'contract', scopes: ['keys:write'] }),
  'IdentityService/ListApiKeys': () => ({}),
  'IdentityService/DeleteApiKey': ({ apiKeyId }) => ({ id: apiKeyId }),
  'IdentityService/ListSessions': () => ({}),
  'IdentityService/RevokeSession': () => ({ id: 'x' }),
  'IdentityService/RevokeOtherSessions': () => ({}),
  'IdentityService/GetSigningKeys': () => ({}),
  'WorkspaceService/ListWorkspaces': () => ({}),
  'WorkspaceService/CreateWorkspace': () => ({ name: 'Contract' }),
  'WorkspaceService/DeleteWorkspace': ({ userId }) => ({ id: userId, currentPassword: 'nothing at all' }),
  'WorkspaceService/UpdateWorkspace': () => ({ name: 'Contract' }),
  'WorkspaceService/ListMembers': () => ({}),
  'WorkspaceService/UpdateMember': ({ userId }) => ({ userId, role: 'viewer' }),
  'WorkspaceService/RemoveMember': ({ userId }) => ({ userId }),
  'WorkspaceService/CreateInvitation': () => ({ role: 'viewer' }),
  'WorkspaceService/ListInvitations': () => ({}),
  'WorkspaceService/DeleteInvitation': ({ invitationId }) => ({ id: invitationId }),
  'WorkspaceService/LookUpInvitation': () => ({ secret: 'hopi_unknown' }),
  'WorkspaceService/AcceptInvitation': () => ({ secret: 'hopi_unknown' }),
  'AnalyticsService/GetLinkStats': named,
  'AnalyticsService/ListClicks': named,
  'AnalyticsService/WatchClicks': named,
  'AnalyticsService/GetWorkspaceStats': () => ({ topLinks: 5 }),
  'AnalyticsService/WatchWorkspace': () => ({}),
  'StatusService/GetMeshStatus': () => ({}),
};

/** A good request as the message that the call takes. */
export function requestOf({ name, method }: PublicCall, subject: Subject): Message {
  const fields = requests[name];
  if (!fields) throw new Error(`tests/contract/support/public-calls.ts has no request for ${name}.`);
  return create(method.input, fields(subject) as never);
}

/** The request in each of its REST forms. */
export function restFormsOf(call: PublicCall, subject: Subject): RestForm[] {
  const message = requestOf(call, subject);
  const fields = toJson(call.method.input, message, { useProtoFieldName: true }) as JsonObject;
  return call.rules.flatMap(({ pattern, body }) => {
    if (pattern.case === undefined || pattern.case === 'custom') return [];
    const left = { ...fields };
    const path = pattern.value.replace(/\{(\w+)(?:=[^}]*)?\}/g, (_, field: string) => {
      const value = left[field] ?? 'me';
      delete left[field];
      return encodeURIComponent(String(value));
    });
    const method = pattern.case.toUpperCase();
    if (body === '*') return [{ method, path, body: left }];
    if (body !== '') return [{ method, path, body: (left[body] ?? {}) as JsonObject }];
    const query = new URLSearchParams(Object.entries(left).map(([field, value]) => [field, String(value)])).toString();
    return [{ method, path: query === '' ? path : `${path}?${query}` }];
  });
}
