// What both entry points of the package export.
export { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
export { Code } from '@connectrpc/connect';
export {
  type Breakdown,
  type LinkStats,
  LinkStatsSchema,
  type WatchClicksResponse,
} from '../gen/hop/analytics/v1/analytics_service_pb.ts';
export { type Click, ClickSchema } from '../gen/hop/analytics/v1/click_pb.ts';
export type { SeriesPoint } from '../gen/hop/analytics/v1/series_point_pb.ts';
export {
  type WatchWorkspaceResponse,
  type WorkspaceStats,
  WorkspaceStatsSchema,
} from '../gen/hop/analytics/v1/workspace_stats_pb.ts';
export { type ApiKey, ApiKeySchema } from '../gen/hop/identity/v1/api_key_pb.ts';
export { type CurrentUser, CurrentUserSchema } from '../gen/hop/identity/v1/identity_service_pb.ts';
export { type Invitation, InvitationSchema } from '../gen/hop/identity/v1/invitation_pb.ts';
export { type Member, MemberSchema } from '../gen/hop/identity/v1/member_pb.ts';
export type { OpenSession } from '../gen/hop/identity/v1/open_session_pb.ts';
export { type User, type Workspace, WorkspaceSchema } from '../gen/hop/identity/v1/user_pb.ts';
export { type Domain, DomainSchema } from '../gen/hop/link/v1/domain_pb.ts';
export { type Link, LinkSchema } from '../gen/hop/link/v1/link_pb.ts';
export { CreateLinkRequestSchema, type LinkPatch } from '../gen/hop/link/v1/link_service_pb.ts';
export { type MeshStatus, MeshStatusSchema } from '../gen/hop/status/v1/status_service_pb.ts';
export { type ErrorReason, type FieldViolation, HoplineError } from './errors.ts';
export type { CallerOptions, Hopline, HoplineOptions } from './hopline.ts';
export type { LiveOptions } from './lasting-stream.ts';
export type { LiveClicksOptions } from './live-clicks.ts';
export { type Reason, reasons } from './reasons.ts';
export { AnalyticsService, IdentityService, LinkService, StatusService, WorkspaceService } from './services.ts';
export { memoryStore, type Session, type SessionStore } from './session.ts';
