/** The most rows that one statement affects. */
const batchRows = 1_000;

/** Repeats a statement that affects at most `limit` rows until it affects fewer; returns the total. */
export async function inBatches(take: (limit: number) => Promise<number>): Promise<number> {
  let all = 0;
  for (let taken = batchRows; taken === batchRows; all += taken) taken = await take(batchRows);
  return all;
}
