// How each kind of request looks, and which answer to it is the right one.
import { generator } from './arrivals.ts';
import type { Kind } from './ledger.ts';
import type { LoadPlan, Target } from './load.ts';

export interface PlannedRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  /** Index in the list of links of its kind, -1 where it asks for none. */
  readonly link: number;
  /** The Location is not looked at where none is expected: a create says there where the new link is. */
  readonly expect: { readonly status: number; readonly location?: string };
  /** Set where a body comes back that has to be read: the link that was made. */
  readonly made?: (body: string) => Target;
}

/** Of a person, so that a follow is a click and not a bot's visit. */
const person = {
  'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
};

/** Envoy's own hot set answers only paths without a query; where a link leads does not depend on it. */
export const pastHotSet = '?by=resolver';

/** Makes the next request of a kind; each call of it goes on where the last one of that kind ended. */
export function requestMaker(plan: LoadPlan): (kind: Kind, arrival: number) => PlannedRequest {
  const random = generator((plan.seed ?? 1) + 1);
  const signed = { authorization: `Bearer ${plan.apiKey}`, 'content-type': 'application/json' };
  const { email, password } = plan.login;
  let turn = 0;
  let creates = 0;
  const follow = (links: readonly Target[], link: number, query = ''): PlannedRequest => {
    const target = links[link];
    if (target === undefined) throw new Error('The load has no links of the kind that it is to follow.');
    const expect = { status: 302, location: target.destination };
    return { method: 'GET', path: `/${target.code}${query}`, headers: person, link, expect };
  };
  const make: Record<Kind, () => PlannedRequest> = {
    cached: () =>
      follow(plan.cached, Math.floor(random() * plan.cached.length), plan.cachedPastHotSet ? pastHotSet : ''),
    cold: () => follow(plan.cold, turn++ % plan.cold.length, pastHotSet),
    read: () => {
      const link = Math.floor(random() * plan.cached.length);
      const path = `/api/v1/urls/${plan.cached[link]?.code}`;
      return { method: 'GET', path, headers: signed, link, expect: { status: 200 } };
    },
    create: () => {
      const destination = `https://example.org/made/${plan.seed ?? 1}/${creates++}`;
      return {
        ...post('/api/v1/urls', { long_url: destination }, signed, 201),
        made: (body) => ({ code: JSON.parse(body).code, destination }),
      };
    },
    login: () => post('/api/auth/login', { email, password }, { 'content-type': 'application/json' }, 200),
  };
  return (kind, arrival) => {
    const request = make[kind]();
    if (plan.mark === undefined || (kind !== 'cached' && kind !== 'cold')) return request;
    return { ...request, headers: { ...request.headers, referer: `https://${arrival}.${plan.mark}/` } };
  };
}

function post(path: string, body: object, headers: Record<string, string>, status: number): PlannedRequest {
  return { method: 'POST', path, headers, body: JSON.stringify(body), link: -1, expect: { status } };
}
