/** No statement takes more rows than that, however many there are. */
const batchRows = 1_000;

/** Runs a statement that takes at most `limit` rows until it finds fewer; answers how many it took in all. */
export async function inBatches(take: (limit: number) => Promise<number>): Promise<number> {
  let all = 0;
  for (let taken = batchRows; taken === batchRows; all += taken) taken = await take(batchRows);
  return all;
}
