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

Every error, whichever part produced it, gives its reason in a google.rpc.ErrorInfo of the domain \`hopline\`:

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

The reason is for programs: it is never renamed, and it always means the same thing. The message is for people and may change;
\`code\` is the gRPC code. A 400 lists the invalid fields in a google.rpc.BadRequest. A 429 or 503 says in \`Retry-After\` and in a
google.rpc.RetryInfo when to try again. If a reason has more than one status, the first is the usual one.
Over gRPC and gRPC-Web the same details are sent in grpc-status-details-bin. If a limit of the door refuses such a call, only the
metadata \`retry-after\` says when to try again. \`/api/docs\` of every installation lists the reasons of each call.`;

if (import.meta.main) writeFileSync(errorsPagePath, errorsPage());
