import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Job, LoadResult } from './job.ts';

export interface Generator {
  readonly pid: number;
  /** Runs a job to its end. Throws when an answer is missing, and when one is wrong unless that may be. */
  run(job: Job, wrongAnswers?: 'fail' | 'count'): Promise<LoadResult>;
  stop(): void;
}

const MARGIN_MS = 15_000;

/** A process of its own, so that what it costs is known and nothing of the benchmark's own bookkeeping slows it. */
export function startGenerator(): Generator {
  const child: ChildProcess = fork(path.join(import.meta.dirname, 'generator.ts'), { serialization: 'advanced' });
  return {
    pid: child.pid as number,
    async run(job, wrongAnswers = 'fail') {
      child.send(job);
      const deadline = AbortSignal.timeout(job.seconds * 1_000 + MARGIN_MS);
      const [answer] = (await once(child, 'message', { signal: deadline })) as [{ result: LoadResult; error: string }];
      if (answer.error !== undefined) throw new Error(`The load ended early: ${answer.error}`);
      const { wrong, answers, wrongExamples } = answer.result;
      if (wrong > 0 && wrongAnswers === 'fail')
        throw new Error(`${wrong} of ${answers} answers were wrong, such as\n${wrongExamples.join('\n---\n')}`);
      return answer.result;
    },
    stop: () => void child.kill(),
  };
}
