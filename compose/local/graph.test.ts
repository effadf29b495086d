import { expect, test } from 'vitest';
import { processes } from '../testing/processes.ts';
import {
  instancesFrom,
  isPart,
  membersOf,
  PARTS,
  partNames,
  partsOf,
  selectSteps,
  shapeOf,
  stopOrder,
  TASKS,
} from './graph.ts';
import { portNames } from './ports/ports.ts';

test('every dependency exists, and every port belongs to exactly one part', () => {
  const known = new Set([...Object.keys(PARTS), ...Object.keys(TASKS)]);
  for (const { dependsOn } of [...Object.values(PARTS), ...Object.values(TASKS)])
    for (const need of dependsOn) expect(known).toContain(need);
  expect(partNames.flatMap((part) => shapeOf(part).ports).sort()).toEqual([...portNames].sort());
});

test.each(Object.entries(processes))(
  '%s waits for Valkey and Kafka where it is told of them, and only there',
  (name, { spec }) => {
    const read = new Set(Object.values(spec).map((variable) => variable.name));
    const [part = 'envoy'] = partNames.filter((one) => one === name || one === `${name}-1`);
    const needs: readonly string[] = shapeOf(part).dependsOn;
    expect([needs.includes('valkey'), needs.includes('topics')]).toEqual([
      read.has('HOP_REDIS_URL'),
      read.has('HOP_KAFKA_BROKERS'),
    ]);
  },
);

test('the mesh stops from Envoy down to the primary', () => {
  const order = stopOrder(partNames);
  expect(order[0]).toEqual(['envoy', 'envoy-2']);
  expect(order.flat().sort()).toEqual([...partNames].sort());
  const place = (name: string): number => order.findIndex((group) => group.some((part) => part === name));
  expect(place('resolver-1')).toBeLessThan(place('postgres-replica'));
  expect(place('postgres-replica')).toBeLessThan(place('postgres'));
  expect(place('analytics')).toBeLessThan(place('kafka'));
  expect(place('link')).toBeLessThan(place('valkey'));
});

test('a selection keeps the tasks whose parts remain, and drops needs that are left out', () => {
  const steps = selectSteps(['postgres', 'resolver-1']);
  expect([...steps.keys()].sort()).toEqual(['migrations', 'postgres', 'resolver-1', 'roles']);
  expect(steps.get('resolver-1')).toEqual(['migrations']);
  expect([...selectSteps().keys()].filter(isPart)).toEqual(expect.arrayContaining(partsOf(1)));
});

test('a part that does not exist is refused with the list of those that do', () => {
  expect(() => selectSteps(['redis'])).toThrow(/no part redis; the parts are postgres, .*envoy/);
});

test('a mesh has one of each process, and of resolvers two, or two of all that hold no state', () => {
  const one = partsOf(1);
  expect(one.filter((name) => /-\d$/.test(name))).toEqual(['resolver-1', 'resolver-2']);
  expect(partsOf(2)).toEqual(partNames);
  const seconds = partNames.filter((name) => !one.includes(name));
  expect(seconds.sort()).toEqual([
    'analytics-2',
    'envoy-2',
    'gateway-access-2',
    'gateway-edge-2',
    'identity-2',
    'link-2',
  ]);
  expect([membersOf('link', 1), membersOf('link', 2), membersOf('resolver', 1)]).toEqual([
    ['link'],
    ['link', 'link-2'],
    ['resolver-1', 'resolver-2'],
  ]);
});

test('HOP_INSTANCES is 1 or 2', () => {
  expect([instancesFrom({}), instancesFrom({ HOP_INSTANCES: '2' })]).toEqual([1, 2]);
  expect(() => instancesFrom({ HOP_INSTANCES: '3' })).toThrow(/HOP_INSTANCES is "3"/);
});
