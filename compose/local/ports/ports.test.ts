import { expect, test } from 'vitest';
import { PortError, portNames, portsFrom, portVariable } from './ports.ts';

test('the defaults are free of collisions', () => {
  const ports = portsFrom({});
  expect(new Set(Object.values(ports)).size).toBe(portNames.length);
  expect(ports).toMatchObject({ envoy: 8080, link: 7001, 'link-metrics': 8001, 'kafka-controller': 7093 });
});

test('an offset moves all of them, a variable of its own moves one to just there', () => {
  const ports = portsFrom({ HOP_PORT_OFFSET: '20000', HOP_PORT_RESOLVER_1: '9000' });
  expect(ports).toMatchObject({ envoy: 28_080, link: 27_001, 'resolver-1': 9000, 'resolver-2': 27_012 });
});

test('HOP_HTTP_PORT wins for the front door', () => {
  expect(portsFrom({ HOP_HTTP_PORT: '80', HOP_PORT_ENVOY: '81', HOP_PORT_OFFSET: '1000' }).envoy).toBe(80);
});

test('every fault is named at once', () => {
  const env = { HOP_PORT_LINK: 'abc', HOP_PORT_KAFKA: '99999', HOP_PORT_VALKEY: '8080', HOP_PORT_OFFSET: '-1' };
  expect(() => portsFrom(env)).toThrow(PortError);
  expect(() => portsFrom(env)).toThrow(
    /HOP_PORT_OFFSET is "-1"[\s\S]*HOP_PORT_LINK is "abc"[\s\S]*HOP_PORT_KAFKA is "99999"/,
  );
  expect(() => portsFrom(env)).toThrow(/envoy and valkey would both listen on 8080; set HOP_PORT_VALKEY/);
});

test('an offset that would leave the range is refused', () => {
  expect(() => portsFrom({ HOP_PORT_OFFSET: '55000' })).not.toThrow(/whole number/);
  expect(() => portsFrom({ HOP_PORT_OFFSET: '56000' })).toThrow(/HOP_PORT_OFFSET is "56000"/);
});

test('variables are named after the parts', () => {
  expect(portVariable('gateway-edge-metrics')).toBe('HOP_PORT_GATEWAY_EDGE_METRICS');
});
