import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type MetricDefinition, metric } from '#runtime/telemetry/schema.ts';
import { manifests } from '../testing/manifests.ts';

const checkout = join(import.meta.dirname, '..', '..');

describe('what is watched', () => {
  const definitions: readonly MetricDefinition[] = Object.values(metric);
  const series = new Map<string, readonly string[]>(
    definitions.flatMap(({ name, kind, attributes }): [string, readonly string[]][] => {
      if (kind === 'counter') return [[`${name}_total`, attributes]];
      if (kind === 'gauge') return [[name, attributes]];
      return [
        [`${name}_bucket`, [...attributes, 'le']],
        [`${name}_count`, attributes],
        [`${name}_sum`, attributes],
      ];
    }),
  );
  const dashboard = JSON.parse(readFileSync(join(import.meta.dirname, 'dashboard.json'), 'utf8'));
  const panels = dashboard.panels as { title: string; targets: { expr: string }[] }[];
  const rules = manifests('monitoring').flatMap(({ spec }) => spec.groups?.flatMap((group) => group.rules) ?? []);
  const expressions = [
    ...rules.map(({ alert, expr }) => [alert, expr]),
    ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr])),
  ];

  it.each(expressions)('%s asks for metrics and attributes that exist', (_, expression = '') => {
    const used = [...expression.matchAll(/\b(hop_\w+)(?:\{([^}]*)\})?/g)];
    const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, by = '']) => by.split(/,\s*/));
    for (const [, name = '', selector = ''] of used) {
      expect(series.has(name), name).toBe(true);
      for (const [, label = ''] of selector.matchAll(/(\w+)(?:=~|!=|=)"/g)) expect(series.get(name)).toContain(label);
      for (const label of grouped) expect(series.get(name)).toContain(label);
    }
    // Those of Envoy are compared with what it shows in envoy/telemetry/stats.test.ts.
    if (!/\b(up\{|envoy_)/.test(expression)) expect(used.length).toBeGreaterThan(0);
  });

  it('is scraped as a PodMonitor says it: an unknown field would make a cluster refuse it', () => {
    const monitors = manifests('monitoring').filter(({ kind }) => kind === 'PodMonitor');
    const endpoints = monitors.flatMap(({ spec }) => spec.podMetricsEndpoints ?? []);
    expect(endpoints.map(({ port }) => port)).toEqual(['metrics', 'stats']);
    expect([...new Set(endpoints.flatMap(Object.keys))].sort()).toEqual(['interval', 'path', 'port']);
    for (const { spec } of monitors)
      expect(Object.keys(spec).sort()).toEqual(['podMetricsEndpoints', 'sampleLimit', 'selector']);
  });

  it('says to promtool of each alert when it fires', () => {
    const text = readFileSync(join(import.meta.dirname, 'alerts.test.yaml'), 'utf8');
    // Our own file: its many aliases are no attack.
    const { tests } = parse(text, { maxAliasCount: -1 });
    const fired = new Set(
      [...JSON.stringify(tests).matchAll(/alertname=\\"(\w+)\\",(?:alertstate|severity)=/g)].map(([, alert]) => alert),
    );
    expect([...fired].sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });

  it('the runbook says of each alert what to do, and of no other', () => {
    const runbook = readFileSync(join(checkout, 'docs', 'runbook.md'), 'utf8');
    const told = new Set([...runbook.matchAll(/\bHopline(?:[A-Z][a-z]+)+\b/g)].map(([alert]) => alert));
    expect([...told].sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });

  it('documents name metrics as Prometheus has them', () => {
    const documents = globSync('**/*.md', { cwd: checkout, exclude: ['**/node_modules', '**/.local', '**/dist'] });
    const roles = readFileSync(join(checkout, 'compose', 'postgres', 'bootstrap.sql'), 'utf8');
    const named = documents.flatMap((document) =>
      [...readFileSync(join(checkout, document), 'utf8').matchAll(/\bhop_[a-z_]+[a-z](?!\w)/g)]
        .filter(([name]) => !roles.includes(`role ${name} `))
        .map(([name]) => ({ document, name })),
    );
    expect(named.length).toBeGreaterThan(50);
    // A histogram is named as a whole, too.
    expect(named.filter(({ name }) => !series.has(name) && !series.has(`${name}_bucket`))).toEqual([]);
  });

  it('nobody goes away unseen', () => {
    const absent = rules.find(({ alert }) => alert === 'HoplineKindAbsent')?.expr ?? '';
    const watched = [...absent.matchAll(/container="([^"]+)"/g)].map(([, container]) => container);
    const pods = manifests('base').flatMap(({ spec }) => spec.template?.spec ?? []);
    const scraped = pods
      .flatMap(({ initContainers = [], containers }) => [...initContainers, ...containers])
      .filter(({ ports = [] }) => ports.some(({ name }) => name === 'metrics' || name === 'stats'));
    expect(watched.sort()).toEqual(scraped.map(({ name }) => name).sort());
  });

  const increases = rules.flatMap(({ alert, expr }) =>
    [...expr.matchAll(/(?:increase|rate)\((hop_\w+_total)(?:\{([^}]*)\})?/g)].map(([, name, selector]) => [
      alert,
      name,
      selector,
    ]),
  );

  it.each(increases)('%s sees the first count of %s{%s}: it begins at 0', (_, name, selector = '') => {
    const { zeros = [] } = definitions.find((definition) => `${definition.name}_total` === name) ?? {};
    const asked = [...selector.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]);
    expect(zeros).toContainEqual(expect.objectContaining(Object.fromEntries(asked)));
  });
});
