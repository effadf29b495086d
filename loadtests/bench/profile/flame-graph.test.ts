import { describe, expect, it } from 'vitest';
import { flameGraph, selfTimes } from './flame-graph.ts';
import { framesOf } from './inspector.ts';
import { stacksOf } from './perf.ts';

const at = (functionName: string, url = '') => ({ functionName, url, lineNumber: 4 });
const profile = {
  nodes: [
    { id: 1, callFrame: at('(root)'), children: [2, 3] },
    { id: 2, callFrame: at('(idle)') },
    { id: 3, callFrame: at('outer', `file://${process.cwd()}/services/a.ts`), children: [4] },
    { id: 4, callFrame: at('<inner>', 'node:net') },
  ],
  samples: [2, 3, 4, 4],
  timeDeltas: [500, 100, 100, 200],
};

describe('a CPU profile', () => {
  it('becomes a tree of CPU time, without idling', () => {
    expect(selfTimes(framesOf(profile), 2)).toEqual([
      { name: '<inner>', place: 'node:net:5', share: 0.75 },
      { name: 'outer', place: 'services/a.ts:5', share: 0.25 },
    ]);
  });

  it('is read from stacks of perf, innermost first', () => {
    const inner = '\t55 inner+0x10 (/opt/bin/envoy)\n\t44 outer (/opt/bin/envoy)\n\n';
    const text = `${inner}${inner}${inner}\t44 outer (/opt/bin/envoy)\n`;
    expect(selfTimes(stacksOf(text), 2)).toEqual([
      { name: 'inner', place: 'envoy', share: 0.75 },
      { name: 'outer', place: 'envoy', share: 0.25 },
    ]);
  });

  it('is drawn with what it says escaped', () => {
    const svg = flameGraph(framesOf(profile), 'a & b');
    expect(svg).toContain('a &amp; b');
    expect(svg).toContain('&lt;inner&gt;');
    expect(svg).not.toContain('<inner>');
  });
});
