// People who make links with an Idempotency-Key, and ask again with the same key until they have an answer.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { exactly, type Verdict } from '../case.ts';
import { call, expectStatus } from '../world/front-door.ts';
import type { World } from '../world/world.ts';

export interface KeyedCreates {
  /** Ends it, and counts the links that were made for each destination. */
  stop(): Promise<Verdict>;
}

const people = 6;
const pauseMs = 50;
const patienceMs = 30_000;

/** Begins to make links at these front doors, one after the other per person. */
export function startKeyedCreates(world: World, urls: readonly string[]): KeyedCreates {
  const tag = `keyed-${randomUUID().slice(0, 8)}`;
  const wanted: string[] = [];
  const faults: string[] = [];
  let stopped = false;

  async function make(): Promise<void> {
    const destination = `https://example.org/keyed/${randomUUID()}`;
    const headers = { 'idempotency-key': randomUUID() };
    const body = { long_url: destination, tags: [tag] };
    wanted.push(destination);
    let last = '';
    for (const until = Date.now() + patienceMs; Date.now() < until; await sleep(pauseMs)) {
      const url = urls[Math.floor(Math.random() * urls.length)];
      const options = { body, headers, token: world.account.apiKey, timeoutMs: 5_000 };
      const answer = await call(`${url}/api/v1/urls`, options).catch(String);
      if (typeof answer !== 'string' && answer.status === 201) return;
      last = typeof answer === 'string' ? answer : `${answer.status} ${answer.text}`;
    }
    faults.push(`${destination}: ${last}`);
  }

  async function person(): Promise<void> {
    while (!stopped) {
      await make();
      await sleep(pauseMs);
    }
  }

  const running = Promise.all(Array.from({ length: people }, person));
  return {
    async stop() {
      stopped = true;
      await running;
      for (const fault of faults) world.say(`    no answer for ${fault}`);
      const made = await linksWith(world, tag);
      const distinct = new Set(made);
      return [
        exactly(`of ${wanted.length} creates with a key, without an answer in 30 s`, faults.length, 0),
        exactly('of them made twice', made.length - distinct.size, 0),
        exactly('of them not made', wanted.filter((destination) => !distinct.has(destination)).length, 0),
      ];
    },
  };
}

async function linksWith({ mesh, account }: World, tag: string): Promise<string[]> {
  const found: string[] = [];
  for (let token = ''; ; ) {
    const query = new URLSearchParams({ tag, page_size: '1000', page_token: token });
    const { json } = await expectStatus(200, `${mesh.url}/api/v1/urls?${query}`, { token: account.apiKey });
    for (const { long_url: destination } of json.urls) found.push(destination);
    token = json.next_page_token;
    if (!token) return found;
  }
}
