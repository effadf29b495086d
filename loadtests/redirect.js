// k6 run -e HOP=http://localhost:8080 -e CODES=abc1234,def5678 -e RATE=500 -e SECONDS=30 loadtests/redirect.js
// Open-loop load of redirects on links that exist: arrivals do not wait for answers, so a slow answer is seen as one.
import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';

const base = __ENV.HOP || 'http://localhost:8080';
const codes = (__ENV.CODES || '').split(',').filter(Boolean);
const host = base
  .replace(/^https?:\/\//, '')
  .replace(/[/].*$/, '')
  .replace(/:\d+$/, '');

if (codes.length === 0) throw new Error('CODES: name at least one code to follow, comma-separated');
if (!['localhost', '127.0.0.1', '[::1]'].includes(host) && __ENV.ALLOW_REMOTE !== 'yes')
  throw new Error(`HOP points at ${host}; load goes to loopback unless ALLOW_REMOTE=yes`);

export const options = {
  discardResponseBodies: true,
  maxRedirects: 0,
  scenarios: {
    redirects: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE || 200),
      timeUnit: '1s',
      duration: `${Math.min(Number(__ENV.SECONDS || 15), 300)}s`,
      preAllocatedVUs: 50,
      maxVUs: 200,
    },
  },
  thresholds: { checks: ['rate>0.9999'] },
};

export default function () {
  const code = codes[exec.scenario.iterationInTest % codes.length];
  const answer = http.get(`${base}/${code}`, { redirects: 0 });
  check(answer, {
    'is a redirect with a Location': (r) => [301, 302, 307, 308].includes(r.status) && !!r.headers.Location,
  });
}
