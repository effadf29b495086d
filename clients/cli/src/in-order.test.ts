import { expect, it } from 'vitest';
import { inOrder } from './in-order.ts';

async function* upTo(count: number): AsyncGenerator<number> {
  for (let item = 0; item < count; item++) yield item;
}

it('answers in order, with no more at once than it may', async () => {
  let atOnce = 0;
  let most = 0;
  const answers: number[] = [];
  const work = async (item: number) => {
    most = Math.max(most, ++atOnce);
    // The later an item, the sooner it is done.
    for (let turn = item; turn < 20; turn++) await Promise.resolve();
    atOnce -= 1;
    return item;
  };
  for await (const answer of inOrder(upTo(20), 4, work)) answers.push(answer);
  expect(answers).toEqual(Array.from({ length: 20 }, (_, item) => item));
  expect(most).toBe(4);
});

it('answers what is done while the next item is yet to come, and ends without it', async () => {
  async function* waiting() {
    yield 'first';
    await new Promise(() => {});
  }
  const answers = inOrder(waiting(), 8, async (item) => item);
  expect(await answers.next()).toEqual({ done: false, value: 'first' });
  expect(await answers.return()).toEqual({ done: true });
});

it('leaves the items where nobody reads on', async () => {
  let isLeft = false;
  async function* endless() {
    try {
      for (let item = 0; ; item++) yield item;
    } finally {
      isLeft = true;
    }
  }
  for await (const _ of inOrder(endless(), 2, async (item) => item)) break;
  expect(isLeft).toBe(true);
});
