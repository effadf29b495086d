import { expect, it, vi } from 'vitest';
import { createCommandRegistry } from './command-registry.ts';

const command = (label: string) => ({ label, group: 'Test', run: () => {} });
const labels = (registry: ReturnType<typeof createCommandRegistry>) => registry.all().map(({ label }) => label);

it('holds what is offered, from that moment until it is taken back', () => {
  const registry = createCommandRegistry();
  const take = registry.offer('page', [command('Create'), command('Search')]);
  registry.offer('shell', [command('Log out')]);
  expect(labels(registry)).toEqual(['Create', 'Search', 'Log out']);
  registry.offer('page', [command('Create')]);
  expect(labels(registry)).toEqual(['Create', 'Log out']);
  take();
  expect(labels(registry)).toEqual(['Log out']);
});

it('tells of changes, and is the same array between them', () => {
  const registry = createCommandRegistry();
  const listener = vi.fn<() => void>();
  const leave = registry.subscribe(listener);
  const take = registry.offer('page', [command('Create')]);
  expect(registry.all()).toBe(registry.all());
  leave();
  take();
  expect(listener).toHaveBeenCalledTimes(1);
});
