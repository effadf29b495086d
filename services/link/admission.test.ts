import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HopError } from '#runtime/errors/errors.ts';
import { createPool } from '#runtime/postgres/pool.ts';
import { silentLog } from '#runtime/telemetry/log.ts';
import { postgresFor } from '#runtime/testing/stores.ts';
import { type Admission, createAdmission } from './admission.ts';

const figures = { targetMs: 100, intervalMs: 500, longestMs: 750 };

function outcome({ admit }: Admission): string {
  try {
    admit();
    return 'admitted';
  } catch (error) {
    return error instanceof HopError ? error.reason : 'broken';
  }
}

describe('admission', () => {
  let time = 0;
  const admission = (): Admission => createAdmission({ ...figures, now: () => time });

  it('takes all while nobody waits, and while the wait is short, however many wait', () => {
    const gate = admission();
    expect(outcome(gate)).toBe('admitted');
    for (let i = 0; i < 10_000; i++) gate.waiting();
    time += 100;
    expect(outcome(gate)).toBe('admitted');
  });

  it('judges a crowd by the pace of the queue, before anybody has waited long', () => {
    const gate = admission();
    for (const end of [1, 2, 3, 4, 5, 6, 7, 8].map(() => gate.waiting())) {
      time += 10;
      end();
    }
    const crowd: string[] = [];
    for (let i = 0; i < 500; i++) {
      crowd.push(outcome(gate));
      if (crowd.at(-1) === 'admitted') gate.waiting();
    }
    // 7 gaps of 10 ms, taken in by sixteenths: 3.6 ms each, so 206 of them are 750 ms.
    const admitted = crowd.filter((each) => each === 'admitted');
    expect(admitted.length).toBeGreaterThan(190);
    expect(admitted.length).toBeLessThan(220);
    expect(crowd.at(-1)).toBe('OVERLOADED');
  });

  it('lets a burst pass that drains by itself', () => {
    const gate = admission();
    const [first, second] = [gate.waiting(), gate.waiting()];
    time += 300;
    expect(outcome(gate)).toBe('admitted');
    first();
    second();
    time += 300;
    expect(outcome(gate)).toBe('admitted');
  });

  it('sheds once the head has waited too long for too long, and says when to come back', () => {
    const gate = admission();
    gate.waiting();
    time += 101;
    expect(outcome(gate)).toBe('admitted');
    time += 499;
    expect(outcome(gate)).toBe('admitted');
    time += 1;
    expect(() => gate.admit()).toThrow(expect.objectContaining({ kind: 'unavailable', retryAfterMs: 601 }));
  });

  it('takes work again as soon as the queue is short, and has no patience when it stands again', () => {
    const gate = admission();
    const end = gate.waiting();
    time += 101;
    outcome(gate);
    time += 500;
    expect(outcome(gate)).toBe('OVERLOADED');
    end();
    expect(outcome(gate)).toBe('admitted');
    gate.waiting();
    time += 101;
    expect(outcome(gate)).toBe('OVERLOADED');
  });

  it('after a time forgets the overload', () => {
    const gate = admission();
    const end = gate.waiting();
    time += 101;
    outcome(gate);
    time += 500;
    outcome(gate);
    end();
    time += 20 * 500;
    gate.waiting();
    time += 101;
    expect(outcome(gate)).toBe('admitted');
  });
});

describe('before a real pool', () => {
  let database: Awaited<ReturnType<typeof postgresFor>>;
  beforeAll(async () => {
    database = await postgresFor('link');
  });
  afterAll(() => database.drop());

  it('keeps the wait near its target at many times the load, and the connections busy', { retry: 2 }, async () => {
    const gate = createAdmission({ targetMs: 60, intervalMs: 120, longestMs: 300 });
    const pool = createPool(database.url, {
      max: 2,
      maxWaiting: 1_000,
      connectTimeoutMs: 5_000,
      onWait: gate.waiting,
      log: silentLog,
    });
    const statementMs = 20;
    const times: number[] = [];
    let [admitted, shed] = [0, 0];
    const endsAt = performance.now() + 3_000;
    const warmAt = endsAt - 1_500;
    /** One client of 100 that all want in at once; who is shed comes back a little later. */
    const client = async (): Promise<void> => {
      while (performance.now() < endsAt) {
        if (outcome(gate) === 'OVERLOADED') {
          shed++;
          await new Promise((resolve) => setTimeout(resolve, 20));
          continue;
        }
        const startedAt = performance.now();
        await pool.query('select pg_sleep($1)', [statementMs / 1_000]);
        if (startedAt < warmAt) continue;
        admitted++;
        times.push(performance.now() - startedAt);
      }
    };
    await Promise.all(Array.from({ length: 100 }, client));
    await pool.end();
    times.sort((a, b) => a - b);
    // Without it all 100 would stand in the queue: 100 × 20 ms / 2 = 1 s each.
    expect(times[Math.floor(times.length * 0.9)]).toBeLessThan(500);
    expect(shed).toBeGreaterThan(50);
    expect(admitted).toBeGreaterThan(40);
  });
});
