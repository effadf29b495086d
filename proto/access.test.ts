import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { AnalyticsService } from '#gen/analytics/v1/analytics_service_pb.ts';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { LinkService } from '#gen/link/v1/link_service_pb.ts';
import { access, Exposure } from '#gen/options/v1/access_pb.ts';
import { PagesService } from '#gen/pages/v1/pages_service_pb.ts';
import { ResolverService } from '#gen/resolver/v1/resolver_service_pb.ts';
import { ProcessService } from '#gen/status/v1/process_service_pb.ts';
import { StatusService } from '#gen/status/v1/status_service_pb.ts';
import { http } from '#gen-google/api/annotations_pb.ts';

const SCOPES = ['links:read', 'links:write', 'links:resolve', 'stats:read', 'keys:write', 'workspace:admin'];
const methods: [string, DescMethod][] = [
  LinkService,
  ResolverService,
  IdentityService,
  AnalyticsService,
  PagesService,
  ProcessService,
  StatusService,
].flatMap((service) =>
  service.methods.map((method): [string, DescMethod] => [`${service.typeName}/${method.name}`, method]),
);

describe.each(methods)('the access option of %s', (_, method) => {
  it('is given', () => {
    expect(hasOption(method, access)).toBe(true);
    expect(getOption(method, access).exposure).not.toBe(Exposure.UNSPECIFIED);
  });

  it('asks for a scope that exists, and only where someone can hold it', () => {
    const { exposure, scope, anonymous, internalListener } = getOption(method, access);
    if (scope !== '') expect(SCOPES).toContain(scope);
    if (anonymous) expect(scope).toBe('');
    if (exposure === Exposure.EDGE) expect(scope).toBe('');
    if (exposure === Exposure.INTERNAL) expect(scope !== '').toBe(internalListener);
    if (internalListener) expect(exposure).toBe(Exposure.INTERNAL);
  });

  it('goes with the REST path: PUBLIC unary and EDGE calls have one, INTERNAL calls have none', () => {
    const { exposure } = getOption(method, access);
    const expected = exposure !== Exposure.INTERNAL && method.methodKind === 'unary';
    expect(hasOption(method, http)).toBe(expected);
  });
});
