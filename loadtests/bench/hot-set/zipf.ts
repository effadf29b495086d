// Links are not followed equally often: the one at place n is asked for 1/n as often as the first (zipf with s = 1).

/** The shares of the first, the first two … of `count` links. */
export function zipfShares(count: number): Float64Array {
  const shares = new Float64Array(count);
  let sum = 0;
  for (let at = 0; at < count; at++) {
    sum += 1 / (at + 1);
    shares[at] = sum;
  }
  return shares.map((share) => share / sum);
}

/** So many places, drawn at random; `random` is from 0 to below 1. */
export function zipfOrder(count: number, draws: number, random: () => number = Math.random): Uint32Array {
  const shares = zipfShares(count);
  return Uint32Array.from({ length: draws }, () => placeAbove(shares, random()));
}

/** The first place whose share is above the value. */
function placeAbove(shares: Float64Array, value: number): number {
  let low = 0;
  let high = shares.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((shares[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
