import { describe, expect, it } from 'vitest';
import { parseAnswer } from './answer.ts';

const redirect =
  'HTTP/1.1 302 Found\r\nlocation: https://example.org/a\r\ncontent-length: 0\r\nserver: hopline\r\n\r\n';
const page = 'HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nhello';

describe('an answer', () => {
  it('has its status, its Location and the place of its body', () => {
    expect(parseAnswer(redirect)).toEqual({
      status: 302,
      location: 'https://example.org/a',
      bodyAt: redirect.length,
      length: redirect.length,
    });
    expect(parseAnswer(page)).toEqual({ status: 404, location: '', bodyAt: page.length - 5, length: page.length });
  });

  it('is not there until its last byte is, wherever it is cut', () => {
    for (let at = 0; at < page.length; at++) expect(parseAnswer(page.slice(0, at))).toBeUndefined();
  });

  it('ends where the next begins', () => {
    expect(parseAnswer(redirect + page)?.length).toBe(redirect.length);
  });

  it('takes no Location from a body', () => {
    const body = '\r\nlocation: https://example.org/b\r\n';
    expect(parseAnswer(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)?.location).toBe('');
  });

  it('is refused in any other form', () => {
    expect(() => parseAnswer('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')).toThrow('content-length');
    expect(() => parseAnswer('HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n')).toThrow('content-length');
    expect(() => parseAnswer('hello\r\n\r\n')).toThrow('not an HTTP/1.1 answer');
  });
});
