import { experimental, logVerbosity, Metadata } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { createLog } from '../../telemetry/log.ts';
import { takeGrpcLog } from './grpc-log.ts';

it('says what grpc-js has to say once a second, and nothing of what clients sent', () => {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  let now = 0;
  takeGrpcLog(createLog({ instance: 'test', logLevel: 'info' }, destination), () => now);
  const metadata = Metadata.fromHttp2Headers({ 'x-name': 'Zoë', 'x-plain': 'a' });
  expect(metadata.getMap()).toEqual({ 'x-plain': 'a' });
  expect(lines).toEqual([]);
  const say = (text: string) => experimental.log(logVerbosity.ERROR, text);
  for (const text of ['first', 'second', 'third']) say(text);
  now = 1_000;
  say('fourth');
  expect(lines.map(({ level, text, unsaid }) => [level, text, unsaid])).toEqual([
    ['warn', 'first', 0],
    ['warn', 'fourth', 2],
  ]);
});
