import { describe, expect, test } from 'vitest';
import { createDomains, linkKey } from './link-key.ts';

const domains = createDomains({
  domains: ['hop.example', 'Go.Example.'.slice(0, -1)],
  hostAliases: ['127.0.0.1', '[::1]'],
});

describe('domains', () => {
  test.each([
    ['hop.example', 'hop.example'],
    ['HOP.example:8080', 'hop.example'],
    ['hop.example.', 'hop.example'],
    ['hop.example.:443', 'hop.example'],
    ['go.example', 'go.example'],
    ['127.0.0.1:8080', 'hop.example'],
    ['[::1]:8080', 'hop.example'],
    ['[::1]', 'hop.example'],
    ['other.example', undefined],
    ['', undefined],
    ['[', undefined],
  ])('%j is %j', (authority, domain) => {
    expect(domains.parseHost(authority)).toBe(domain);
    expect(domains.parseHost(authority)).toBe(domain);
  });

  test('a star takes every unknown host for the default domain', () => {
    const any = createDomains({ domains: ['hop.example', 'go.example'], hostAliases: ['*'] });
    expect(any.parseHost('whatever:1')).toBe('hop.example');
    expect(any.parseHost('go.example')).toBe('go.example');
  });

  test('a field names a domain in any case; none is the default', () => {
    expect(domains.named(undefined)).toBe('hop.example');
    expect(domains.named('')).toBe('hop.example');
    expect(domains.named('GO.example')).toBe('go.example');
    expect(domains.named('127.0.0.1')).toBeUndefined();
  });

  test('a field that is far longer than any host name is refused unread: converting it to ASCII takes the square of its length', () => {
    const invisible = (length: number): string => '\u00ad'.repeat(length - 'hop.example'.length);
    expect(domains.named(`${invisible(1_024)}hop.example`)).toBe('hop.example');
    expect(domains.named(`${invisible(1_025)}hop.example`)).toBeUndefined();
  });

  test('remembers a bounded number of authorities', () => {
    for (let at = 0; at < 5_000; at++) expect(domains.parseHost(`${at}.example`)).toBeUndefined();
  });

  test('what is no host name is refused', () => {
    expect(() => createDomains({ domains: ['hop.example/x'] })).toThrow('no host name');
    expect(() => createDomains({ domains: [] })).toThrow('at least one');
  });
});

test('a code has one spelling, and keeps its case', () => {
  expect(linkKey('hop.example', 'cafe\u0301').code).toBe('caf\u00e9');
  expect(linkKey('hop.example', 'Team')).toEqual({ domain: 'hop.example', code: 'Team' });
});
