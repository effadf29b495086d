/** The most rows that one statement takes. */
const batchRows = 1_000;

/** Repeats a statement that takes at most `limit` rows until it finds fewer; returns how many rows it took in all. */
export async function inBatches(take: (limit: number) => Promise<number>): Promise<number> {
  let all = 0;
  for (let taken = batchRows; taken === batchRows; all += taken) taken = await take(batchRows);
  return all;
}
