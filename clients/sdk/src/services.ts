// Every public service, reduced to its public calls (buf.gen.yaml).
export { AnalyticsService } from '../gen/hop/analytics/v1/analytics_service_pb.ts';
export { IdentityService } from '../gen/hop/identity/v1/identity_service_pb.ts';
export { WorkspaceService } from '../gen/hop/identity/v1/workspace_service_pb.ts';
export { LinkService } from '../gen/hop/link/v1/link_service_pb.ts';
export { ResolverService } from '../gen/hop/resolver/v1/resolver_service_pb.ts';
export { StatusService } from '../gen/hop/status/v1/status_service_pb.ts';
