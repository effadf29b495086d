import { writeFileSync } from 'node:fs';
import { reasons } from './reasons.ts';

/** Where the typed client has its copy: it is published alone, and depends on nothing of the mesh but the contract. */
export const clientReasonsPath = new URL('../../clients/sdk/src/reasons.ts', import.meta.url);

/** The reasons as the client's source: names for programs, sentences for people. */
export function clientReasons(): string {
  return `${head}\n${Object.entries(reasons)
    .map(([reason, { sentence }]) => entry(reason, sentence))
    .join('\n')}\n${tail}\n`;
}

/** One line, or two where it would be too long for the formatter. */
function entry(reason: string, sentence: string): string {
  const text = sentence.includes("'") ? JSON.stringify(sentence) : `'${sentence}'`;
  const line = `  ${reason}: ${text},`;
  return line.length <= 120 ? line : `  ${reason}:\n    ${text},`;
}

const head = `// Made from runtime/errors/reasons.ts by \`npm run docs\`; edit it there.

/** Every reason that an error can have, with what it means. A reason is never renamed, and means one thing. */
export const reasons = {`;

const tail = `} as const;

export type Reason = keyof typeof reasons;

export const isReason = (text: string): text is Reason => Object.hasOwn(reasons, text);`;

if (import.meta.main) writeFileSync(clientReasonsPath, clientReasons());
