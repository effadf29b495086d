import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { curlOf, filledIn } from './curl.ts';

/** The arguments that curl gets when a shell reads the command. */
function argumentsOf(command: string, env: Record<string, string>): string[] {
  const shell = 'curl() { printf "%s\\0" "$@"; }\n';
  return execFileSync('sh', ['-c', shell + command], { env, encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
}

it('is read by a shell as it was meant, whatever is in it', () => {
  const command = curlOf(
    {
      call: 'POST /api/v1/urls/{code}:undelete',
      path: { code: '$CODE' },
      query: { order_by: 'created_at desc' },
      headers: { 'X-Odd': "it's `odd` \\ $5" },
      body: { password: '$PASSWORD', title: 'say "hi"', tags: ['a', 'b'] },
      status: 200,
    },
    true,
  );
  expect(argumentsOf(command, { HOP: 'http://hop.test', CODE: 'abc', TOKEN: 't0', PASSWORD: 'a $HOP b' })).toEqual([
    'http://hop.test/api/v1/urls/abc:undelete?order_by=created_at%20desc',
    '-H',
    'Authorization: Bearer t0',
    '-H',
    "X-Odd: it's `odd` \\ $5",
    '-H',
    'Content-Type: application/json',
    '-d',
    '{\n    "password": "a $HOP b",\n    "title": "say \\"hi\\"",\n    "tags": ["a", "b"]\n  }',
  ]);
});

it('asks for headers where they are the answer', () => {
  expect(curlOf({ call: 'HEAD /{code}', path: { code: '$CODE' }, status: 302 }, false)).toBe('curl -I "$HOP/$CODE"');
  expect(curlOf({ call: 'GET /{code}', path: { code: '$CODE' }, status: 302 }, false)).toBe('curl -i "$HOP/$CODE"');
  expect(curlOf({ call: 'DELETE /x', status: 200 }, false)).toBe('curl -X DELETE "$HOP/x"');
});

it('shows the reader’s own values where a document needs one', () => {
  expect(filledIn({ a: ['$EMAIL', 1], b: '$LATER' }, { EMAIL: 'ada@example.org' })).toEqual({
    a: ['ada@example.org', 1],
    b: '$LATER',
  });
});
