import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '#runtime/testing/wait-for.ts';
import { manifests } from '../../deploy/testing/manifests.ts';
import { type Door, startDoor } from '../testing/door.ts';
import { ask } from '../testing/http.ts';

let door: Door;
let port: number;
/** What is shown at first, and once a redirect has found no resolver. */
let page: string;
let later: string;
beforeAll(async () => {
  port = await freePort();
  const nobody = { host: '127.0.0.1', port: await freePort() };
  door = await startDoor({ stats: { host: '127.0.0.1', port } }, { resolver: [nobody] });
  page = (await ask(port, '/stats/prometheus')).body;
  expect((await ask(door.envoy.publicPort, '/abc')).status).toBe(503);
  later = (await ask(port, '/stats/prometheus')).body;
});
afterAll(() => door.stop());

test('Prometheus is told what failed before anything has', () => {
  const public5xx = '{envoy_response_code_class="5",envoy_http_conn_manager_prefix="public"}';
  expect(page).toContain(`envoy_http_downstream_rq_xx${public5xx} 0\n`);
  expect(page).toContain('envoy_filesystem_write_failed{} 0\n');
  expect(page).toContain('envoy_cluster_upstream_rq_pending_overflow{envoy_cluster_name="resolver"} 0\n');
  expect(page).toContain(
    'envoy_http_adaptive_concurrency_gradient_controller_rq_blocked{envoy_http_conn_manager_prefix="public"} 0\n',
  );
  expect(page.split('\n').length).toBeLessThan(300);
});

test('a redirect that no resolver answered is told from other failures', () => {
  expect(later).toContain('upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="resolver"} 1\n');
});

test.each([
  ['POST', '/stats/prometheus'],
  ['POST', '/quitquitquit'],
  ['GET', '/'],
  ['GET', '/stats'],
  ['GET', '/config_dump'],
  ['GET', '/stats/prometheus?filter=.'],
  ['GET', '/stats/prometheus/../../config_dump'],
  ['GET', '/stats/prometheus/'],
])('%s %s is not there: admin is for this host alone', async (method, path) => {
  const answer = await ask(port, path, { method });
  expect([answer.status, answer.body]).toEqual([404, '']);
});

describe('what deploy/monitoring asks Envoy for', () => {
  const dashboard = readFileSync(new URL('../../deploy/monitoring/dashboard.json', import.meta.url), 'utf8');
  const panels = JSON.parse(dashboard).panels as { title: string; targets: { expr: string }[] }[];
  const rules = manifests('monitoring').flatMap(({ spec }) => spec.groups?.flatMap((group) => group.rules) ?? []);
  const asked = [
    ...rules.map(({ alert, expr }) => [alert, expr] as const),
    ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ].flatMap(([by, expr]) =>
    [...expr.replaceAll(/by \([^)]*\)/g, '').matchAll(/\b(envoy_\w+)(?:\{([^}]*)\})?/g)].map(
      ([, name, labels = '']) => [by, name, labels],
    ),
  );

  test('is something', () => expect(asked.length).toBeGreaterThan(5));

  test.each(asked)('%s finds %s{%s}', (_, name, labels = '') => {
    const wanted = [...labels.matchAll(/\w+="[^"]*"/g)].map(([label]) => label);
    const series = later.split('\n').filter((line) => line.startsWith(`${name}{`));
    expect(series.some((line) => wanted.every((label) => line.includes(label)))).toBe(true);
  });
});
