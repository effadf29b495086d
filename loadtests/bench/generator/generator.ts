// The load generator's own process: takes jobs from its parent, one after the other, and answers each result.
import type { Job } from './job.ts';
import { runLoad } from './load.ts';

process.on('message', async (job: Job) => {
  try {
    process.send?.({ result: await runLoad(job) });
  } catch (error) {
    process.send?.({ error: (error as Error).message });
  }
});
process.on('disconnect', () => process.exit());
