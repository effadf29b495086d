import { writeFileSync } from 'node:fs';
import { reasonSections } from './reasons.ts';

/** Where people look for it. */
export const errorsPagePath = new URL('../../docs/errors.md', import.meta.url);

/** docs/errors.md: every reason with its HTTP statuses and its sentence. */
export function errorsPage(): string {
  const sections = Object.entries(reasonSections).map(([title, meanings]) => {
    const rows = Object.entries(meanings).map(
      ([reason, { statuses, sentence }]) => `| \`${reason}\` | ${statuses.join(', ')} | ${sentence} |`,
    );
    return `## ${title}\n\n| Reason | HTTP | What it means |\n|---|---|---|\n${rows.join('\n')}`;
  });
  return `${head}\n\n${sections.join('\n\n')}\n`;
}

const head = `# Errors

<!-- Made from runtime/errors/reasons.ts by \`npm run docs\`; edit it there. -->

Every error, whichever part made it, says why in a google.rpc.ErrorInfo of the domain \`hopline\`:

\`\`\`json
{
  "code": 6,
  "message": "This alias belongs to another link.",
  "details": [
    {
      "@type": "type.googleapis.com/google.rpc.ErrorInfo",
      "reason": "ALIAS_TAKEN",
      "domain": "hopline",
      "metadata": { "alias": "spring" }
    }
  ]
}
\`\`\`

The reason is for programs: it is never renamed, and one reason means one thing. The message is for people and may change;
\`code\` is the gRPC code. A 400 lists the fields at fault in a google.rpc.BadRequest; 429 and 503 say when to try again in
\`Retry-After\` and in a google.rpc.RetryInfo. Where a reason has more than one status, the first is the usual one.
Over gRPC and gRPC-Web the same details come as grpc-status-details-bin; of the calls that a limit of the door refuses the
metadata \`retry-after\` alone says it there. Which call has which reasons is at \`/api/docs\` of every installation.`;

if (import.meta.main) writeFileSync(errorsPagePath, errorsPage());
