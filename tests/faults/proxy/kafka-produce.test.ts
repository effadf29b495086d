import { expect, it } from 'vitest';
import { produceAnswers } from './kafka-produce.ts';

const message = (body: number[]): Buffer => {
  const bytes = Buffer.from(body);
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const request = (kind: number, id: number, more: number): Buffer =>
  message([0, kind, 0, 7, 0, 0, 0, id, ...Array(more).fill(0)]);
const answer = (id: number, more: number): Buffer => message([0, 0, 0, id, ...Array(more).fill(0)]);

it('tells the answer to a produce request from others, on its own connection, however the bytes are cut', () => {
  const answers = produceAnswers();
  const asks = Buffer.concat([request(3, 1, 20), request(0, 2, 300), request(1, 3, 5)]);
  for (const byte of asks) answers.begins(Buffer.of(byte), { connection: 1, from: 'client' });
  answers.begins(request(1, 2, 8), { connection: 2, from: 'client' });
  expect(answers.begins(answer(2, 9), { connection: 2, from: 'server' })).toBe(false);
  expect(answers.begins(answer(1, 40), { connection: 1, from: 'server' })).toBe(false);
  const late = Buffer.concat([answer(2, 50), answer(3, 1)]);
  expect(answers.begins(late.subarray(0, 7), { connection: 1, from: 'server' })).toBe(false);
  expect(answers.begins(late.subarray(7, 20), { connection: 1, from: 'server' })).toBe(true);
  expect(answers.begins(late.subarray(20), { connection: 1, from: 'server' })).toBe(false);
});
