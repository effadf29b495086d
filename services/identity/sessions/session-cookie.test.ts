import { createHandlerContext } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { IdentityService } from '#gen/identity/v1/identity_service_pb.ts';
import { createSessionCookie } from './session-cookie.ts';

const cookie = createSessionCookie({ publicUrl: 'https://hop.example/', lifetimeSeconds: 60 });

const contextOf = (requestHeader: Record<string, string>, url = 'http://hop.example/') =>
  createHandlerContext({
    service: IdentityService,
    method: IdentityService.method.refreshSession,
    protocolName: 'grpc',
    requestMethod: 'POST',
    url,
    requestHeader,
  });

describe('the cookie of an installation with TLS', () => {
  it('is sent over TLS alone, and has the prefix that browsers hold to that', () => {
    const context = contextOf({});
    cookie.write(context, 'hopr_x');
    expect(context.responseHeader.get('set-cookie')).toMatch(
      /^__Secure-hop_session=hopr_x; .*; Secure, __Secure-hop_session=hopr_x; .*; Secure$/,
    );
    expect(cookie.read(contextOf({ 'x-hop-cookie': 'a=b;__Secure-hop_session=hopr_x' }))).toBe('hopr_x');
    expect(cookie.read(contextOf({ 'x-hop-cookie': 'hop_session=hopr_x; x__Secure-hop_session=y' }))).toBeUndefined();
  });

  it.each([
    ['https://hop.example', 'http://hop.example/', true],
    ['https://hop.example', 'http://edge-1.internal/', true],
    ['https://app.example', 'http://app.example:443/', true],
    ['http://localhost:8080', 'http://localhost:8080/', true],
    ['http://localhost:8081', 'http://localhost:8080/', false],
    ['http://hop.example', 'http://hop.example/', false],
    ['http://localhost.example', 'http://localhost.example/', false],
    ['https://hop.example.com', 'http://hop.example/', false],
    ['null', 'http://hop.example/', false],
    ['', 'http://hop.example/', false],
  ])('is for a page of %s, asking at %s: %s', (origin, url, isAdmitted) => {
    const admit = () => cookie.admit(contextOf({ origin }, url));
    if (isAdmitted) expect(admit).not.toThrow();
    else expect(admit).toThrow('only be used by pages');
  });

  it('is for programs that are no page', () => {
    expect(() => cookie.admit(contextOf({}))).not.toThrow();
  });
});
