/**
 * Remembers at least the `size` keys that were asked for last, and at most twice as many: the young ones, and those that were young before
 * them. A key that is asked for often costs one look into a map; an LRU list is written at each look besides.
 */
export class Recent<Key, Value extends object> {
  readonly #size: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  constructor(size: number) {
    this.#size = size;
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key);
    if (young) return young;
    const old = this.#old.get(key);
    if (old) this.set(key, old);
    return old;
  }

  set(key: Key, value: Value): void {
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
