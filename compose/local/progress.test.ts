import { expect, test } from 'vitest';
import type { MeshEvent, MeshState } from './mesh-state.ts';
import { portsFrom } from './ports/ports.ts';
import { createProgress, greeting } from './progress.ts';

const event = (sequence: number, more: Partial<MeshEvent> = {}): MeshEvent => ({
  sequence,
  step: 'valkey',
  kind: 'ready',
  text: '',
  ms: 79,
  ...more,
});

const state = (more: Partial<MeshState>): MeshState => ({
  supervisor: 4711,
  phase: 'starting',
  startedAt: 0,
  ports: portsFrom({}),
  publicUrl: 'http://localhost:8080',
  parts: [],
  pending: ['kafka', 'topics'],
  events: [],
  ...more,
});

interface Captured {
  readonly screen: { isTTY: boolean; columns: number; write(text: string): void };
  text(): string;
}

function capture(isTTY: boolean): Captured {
  const all: string[] = [];
  return { screen: { isTTY, columns: 40, write: (text) => void all.push(text) }, text: () => all.join('') };
}

test('in a pipe: one plain line per part, each printed once', () => {
  const { screen, text } = capture(false);
  const show = createProgress(screen);
  show(state({ events: [event(1)] }));
  show(state({ events: [event(1)] }));
  show(state({ events: [event(1), event(2, { step: 'topics', text: 'Kafka topics', ms: 12 })] }));
  show(state({ events: [event(3, { kind: 'died', text: 'died (SIGKILL); starting it again in 250 ms' })] }));
  expect(text().split('\n')).toEqual([
    '  valkey                 79 ms  :7379',
    '  topics                 12 ms  Kafka topics',
    '  valkey             died (SIGKILL); starting it again in 250 ms',
    '',
  ]);
});

test('in a terminal: what is waited for stands below, in one line that fits', () => {
  const { screen, text } = capture(true);
  createProgress(screen)(
    state({ events: [event(1)], pending: ['kafka', 'topics', 'analytics', 'gateway-edge', 'envoy'] }),
  );
  const last = text().split('\n').at(-1) ?? '';
  expect(last).toMatch(/^ {2}… kafka, topics/);
  expect(last.length).toBeLessThan(40);
});

test('the greeting has the URLs and a call to paste; a mesh without a door has neither', () => {
  const envoy = { name: 'envoy', status: 'ready', port: 8080, restarts: 0 } as const;
  const whole = greeting(state({ phase: 'ready', readyAfterMs: 7_912, parts: [envoy] }));
  expect(whole).toContain('Ready after 7.9 s, process 4711.');
  expect(whole).toContain('HOP=http://localhost:8080');
  expect(greeting(state({ phase: 'ready' }))).not.toContain('curl');
});
