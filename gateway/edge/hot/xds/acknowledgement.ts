import { timedOut } from '#runtime/errors/errors.ts';

/** What an Envoy says to what it was sent: this is the shape of both discovery requests. */
interface Answer {
  readonly responseNonce: string;
  readonly errorDetail?: { readonly message: string } | undefined;
}

/** An Envoy that has said nothing by then is asked to begin again. */
const patienceMs = 10_000;

export type Verdict = 'acknowledged' | { readonly refused: string } | 'gone';

/** Reads what an Envoy says until it answers to this nonce. */
export async function answerTo(nonce: string, requests: AsyncIterator<Answer>): Promise<Verdict> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timedOut('Envoy did not answer to what it was sent.')), patienceMs);
  });
  try {
    for (;;) {
      const next = await Promise.race([requests.next(), late]);
      if (next.done) return 'gone';
      if (next.value.responseNonce !== nonce) continue;
      return next.value.errorDetail ? { refused: next.value.errorDetail.message } : 'acknowledged';
    }
  } finally {
    clearTimeout(timer);
  }
}
