import { timedOut } from '#runtime/errors/errors.ts';

/** What an Envoy says about what it was sent: the common shape of both discovery requests. */
interface Answer {
  readonly responseNonce: string;
  readonly errorDetail?: { readonly message: string } | undefined;
}

/** An Envoy that has not answered by then is asked to start over. */
const patienceMs = 10_000;

export type Verdict = 'acknowledged' | { readonly refused: string } | 'gone';

/** Reads an Envoy's requests until one answers this nonce. */
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
