import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readClickTag, writeClickTag } from './click-tag.ts';

const tag = fc.record({
  linkId: fc.uuid(),
  workspaceId: fc.uuid(),
  version: fc.bigInt({ min: 0n, max: 2n ** 63n }),
  tier: fc.constantFrom('edge', 'l1', 'redis', 'replica', 'primary'),
  domain: fc.domain(),
  code: fc.stringMatching(/^[\p{L}\p{M}\p{Nd}_-]{1,64}$/u),
});

it('is read as it was written', () => {
  fc.assert(
    fc.property(tag, (written) => {
      const read = readClickTag(writeClickTag(written));
      expect(read).toEqual({ ...written, version: String(written.version), code: encodeURIComponent(written.code) });
    }),
  );
});

it.each(['', 'hop.resolver.v1.ResolverService/Redirect', 'a;b;c;d;e', 'a;b;c;d;e;f;g'])('is not "%s"', (text) => {
  expect(readClickTag(text)).toBeUndefined();
});
