import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { firstLine } from './prompt.ts';

it('a first line loses its end, and nothing else', async () => {
  const { signal } = new AbortController();
  for (const end of ['', '\n', '\r\n', '\nand more\n'])
    expect(await firstLine(signal, Readable.from([` a password\t${end}`]))).toBe(' a password\t');
  await expect(firstLine(signal, Readable.from(['']))).rejects.toThrow('empty');
});
