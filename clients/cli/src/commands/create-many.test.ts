import { Readable } from 'node:stream';
import type { MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { Code, type CreateLinkRequestSchema } from '@hopline/client';
import { expect, it } from 'vitest';
import { refusal, scripted } from '../../../sdk/testing/scripted.ts';
import type { Context } from '../context.ts';
import { terminalOn } from '../terminal.ts';
import { createMany } from './create-many.ts';

type Request = MessageShape<typeof CreateLinkRequestSchema>;

/** Runs `hop create -` on an installation that answers as the test says. */
async function run(
  input: readonly string[],
  createLink: (request: Request, key: string) => void,
  common: MessageInitShape<typeof CreateLinkRequestSchema> = {},
) {
  const output = { out: '', err: '' };
  const into = (name: keyof typeof output) =>
    ({
      write(text: string) {
        output[name] += text;
        return true;
      },
    }) as unknown as NodeJS.WriteStream;
  const terminal = terminalOn({ json: false, noColor: true, variables: {}, stdout: into('out'), stderr: into('err') });
  const { hop } = scripted(
    {
      links: {
        createLink(request, { requestHeader }) {
          createLink(request, requestHeader.get('idempotency-key') ?? '');
          return { shortUrl: `short of ${request.longUrl}` };
        },
      },
    },
    { retries: 0 },
  );
  const context = { hop, terminal, signal: new AbortController().signal, url: 'http://scripted' } as Context;
  const code = await createMany(context, common, { concurrency: 8 }, Readable.from(input.map((line) => `${line}\n`)));
  return { code, ...output, lines: output.out.split('\n').filter((line) => line !== '') };
}

it('what a line adds to the tags is of that line alone', async () => {
  const tags = new Map<string, string[]>();
  const common = { tags: ['import'] };
  const { code } = await run(
    ['https://a.example', '{"long_url": "https://b.example", "tags": ["b"]}', 'https://c.example', '{"long_url": "d"}'],
    ({ longUrl = '', tags: made }) => tags.set(longUrl, made),
    common,
  );
  expect(code).toBe(0);
  expect(Object.fromEntries(tags)).toEqual({
    'https://a.example': ['import'],
    'https://b.example': ['import', 'b'],
    'https://c.example': ['import'],
    d: ['import'],
  });
  expect(common).toEqual({ tags: ['import'] });
});

it('an input without a link is an error that says so', async () => {
  for (const input of [[], ['', '# nothing but a comment']])
    await expect(run(input, () => {})).rejects.toThrow('The input is empty');
});

it('a line with more than a URL and an alias is not made', async () => {
  const made: string[] = [];
  const { code, err } = await run(['https://a.example spring', 'https://b.example summer sale'], ({ longUrl, alias }) =>
    made.push(`${longUrl} ${alias}`),
  );
  expect(made).toEqual(['https://a.example spring']);
  expect([code, err]).toEqual([9, expect.stringContaining('line 2: not a link to make: a line is a URL')]);
});

it('a line with a field that there is not says which, and nothing of the message it is read into', async () => {
  const { code, err } = await run(['{"url": "https://a.example"}'], () => {});
  expect([code, err]).toEqual([9, expect.stringContaining('line 1: not a link to make: key "url" is unknown')]);
});

it('all lines wait when the installation asks for time, and none is lost', async () => {
  const pauseMs = 100;
  const refused: string[] = [];
  const made: string[] = [];
  let busyUntilMs = Number.POSITIVE_INFINITY;
  const input = Array.from({ length: 100 }, (_, index) => `https://example.org/${index}`);
  const { code, lines, err } = await run(input, (_, key) => {
    if (refused.length === 0) busyUntilMs = Date.now() + pauseMs;
    if (Date.now() < busyUntilMs) {
      refused.push(key);
      throw refusal(Code.ResourceExhausted, 'RATE_LIMITED', pauseMs);
    }
    made.push(key);
  });
  expect([code, err]).toEqual([0, expect.stringContaining('100 made, 0 failed')]);
  expect(lines).toEqual(input.map((url) => `short of ${url}`));
  // Once for each that was under way; the other 92 were not begun meanwhile.
  expect(refused).toHaveLength(8);
  // Under the key of its first try, so that none is made twice.
  expect(made).toEqual(expect.arrayContaining(refused));
});

it.each([0, -1_000])('no line is tried again at once, whatever the answer asks for: %i ms', async (askedMs) => {
  let tries = 0;
  const beganMs = Date.now();
  const { code } = await run(['https://a.example'], () => {
    tries += 1;
    if (Date.now() - beganMs < 600) throw refusal(Code.Unavailable, 'OVERLOADED', askedMs);
  });
  expect(code).toBe(0);
  expect(tries).toBeLessThanOrEqual(4);
});

it.each([
  [Code.Unauthenticated, 'CREDENTIALS_INVALID'],
  [Code.PermissionDenied, 'ROLE_MISSING'],
] as const)('no line is tried again once one has failed in a way that all will: %s %s', async (code, reason) => {
  const calls: string[] = [];
  const making = run(['https://a.example', 'https://b.example', 'https://c.example'], ({ longUrl = '' }) => {
    calls.push(longUrl);
    if (longUrl === 'https://a.example') throw refusal(code, reason);
    throw refusal(Code.ResourceExhausted, 'RATE_LIMITED', 20);
  });
  await expect(making).rejects.toMatchObject({ reason });
  // Longer than the installation has asked to wait.
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(calls).toHaveLength(3);
});
