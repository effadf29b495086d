/** What Envoy writes when a link is followed, without the newline; the number is part of its time and its request id. */
export const spoolLine = (number: number): string =>
  JSON.stringify({
    v: 1,
    at: String(1_764_000_000_000_000 + number),
    request_id: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    method: 'GET',
    status: 302,
    link_id: '0192f0c1-2222-7333-8444-555566667777',
    workspace_id: '0192f0c1-aaaa-7bbb-8ccc-ddddeeeeffff',
  });
