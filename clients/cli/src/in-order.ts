/**
 * Runs `work` for each item, at most `width` at once, and yields the results in the order of the items. Takes no more items than that
 * ahead, and does not hold back finished results for items yet to come.
 */
export async function* inOrder<Item, Result>(
  items: AsyncIterable<Item>,
  width: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const source = items[Symbol.asyncIterator]();
  const underWay: Promise<Result>[] = [];
  let coming: Promise<IteratorResult<Item>> | undefined;
  let isMore = true;
  try {
    while (isMore || underWay.length > 0) {
      if (isMore && underWay.length < width) coming ??= source.next();
      const [oldest] = underWay;
      const came = await Promise.race([...(oldest ? [oldest.then(() => undefined)] : []), ...(coming ? [coming] : [])]);
      if (came === undefined) {
        underWay.shift();
        if (oldest) yield await oldest;
      } else {
        coming = undefined;
        if (came.done) isMore = false;
        else underWay.push(work(came.value));
      }
    }
  } finally {
    const left = source.return?.();
    // A source that is waiting for its next item notices only then.
    if (!coming) await left;
  }
}
