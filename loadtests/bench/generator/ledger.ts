import { quantiles } from '../statistics.ts';
import type { ParsedAnswer } from './answer.ts';
import { type Job, type LoadResult, placeOf } from './job.ts';

/** What a load has seen: every answer checked, every time kept. */
export interface Ledger {
  readonly answers: number;
  /** The answer to request `index`, `latencyMs` after it was due. */
  take(index: number, latencyMs: number, answer: ParsedAnswer, text: string): void;
  /** Request `index` was sent so late. */
  late(index: number, ms: number): void;
  result(seconds: number): LoadResult;
}

const MOST_EXAMPLES = 5;
const EXAMPLE_LENGTH = 600;

export function createLedger(job: Job, most: number): Ledger {
  const { values, expect, rate, unmeasured = 0, collectCodes } = job;
  const { status, locations, body } = expect;
  const latency = new Float64Array(most);
  const lateness = new Float64Array(rate === undefined ? 0 : most);
  const codes: string[] = [];
  const wrongExamples: string[] = [];
  let answers = 0;
  let measured = 0;
  let wrong = 0;

  function isRight(at: number, answer: ParsedAnswer, text: string): boolean {
    if (answer.status !== status) return false;
    if (locations !== undefined && answer.location !== locations[at]) return false;
    return body === undefined || text.includes(body.replace('{}', values[at] as string), answer.bodyAt);
  }

  return {
    get answers() {
      return answers;
    },
    take(index, latencyMs, answer, text) {
      const at = placeOf(job, index);
      answers++;
      if (index >= unmeasured) latency[measured++] = latencyMs;
      if (collectCodes) codes[index] = /"code": ?"([^"]+)"/.exec(text)?.[1] ?? '';
      if (isRight(at, answer, text)) return;
      wrong++;
      if (wrongExamples.length < MOST_EXAMPLES) wrongExamples.push(`${values[at]}: ${text.slice(0, EXAMPLE_LENGTH)}`);
    },
    late(index, ms) {
      lateness[index] = ms;
    },
    result: (seconds) => ({
      answers,
      wrong,
      wrongExamples,
      seconds,
      latencyMs: quantiles(latency.subarray(0, measured)),
      ...(rate === undefined ? {} : { latenessMs: quantiles(lateness.subarray(0, answers)) }),
      ...(collectCodes ? { codes } : {}),
    }),
  };
}
