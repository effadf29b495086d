import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, inject, it } from 'vitest';

it('the five-minute tour of the README works as it stands', () => {
  const readme = readFileSync('README.md', 'utf8');
  const tour = readme.split('## Five minutes')[1]?.match(/```bash\n([\s\S]*?)```/)?.[1];
  expect(tour).toBeDefined();
  const output = execFileSync('bash', ['-eu', '-o', 'pipefail', '-c', tour as string], {
    env: { ...process.env, HOP: inject('meshUrl') },
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(output).toMatch(/^made .*\/[0-9A-Za-z]{7}$/m);
  expect(output).toMatch(/^HTTP\/1\.1 302/m);
  expect(output).toMatch(/^location: https:\/\/example\.org\/hello/im);
  expect(output).toMatch(/^https:\/\/example\.org\/hello$/m);
  expect(output).toMatch(/^"clicks":1$/m);
  expect(output).toMatch(/^location: https:\/\/example\.org\/elsewhere/im);
});
