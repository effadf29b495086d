import { reasonSections } from '#runtime/errors/reasons.ts';
import { escapeHtml } from '#runtime/http/page.ts';
import { commentHtml, inlineHtml } from './comment-html.ts';
import type { GrpcCall, OpenApi, Operation, Parameter, Schema, Verb } from './openapi/openapi.ts';
import { fieldsHtml, typeHtml, typesHtml } from './schema-html.ts';

/** The parts of content/docs.html. */
interface DocsParts extends Readonly<Record<string, string>> {
  readonly calls: string;
  readonly introduction: string;
  readonly groups: string;
  readonly types: string;
  readonly reasons: string;
}

/** One path of a call. */
interface Way {
  readonly verb: Verb;
  readonly path: string;
  readonly operation: Operation;
}

/** A call with all of its paths, the preferred one first. */
interface Call extends Way {
  readonly aliases: readonly Way[];
}

/** The API documentation for people. */
export function docsPage(api: OpenApi): DocsParts {
  const calls = callsOf(api);
  const groups = api.tags.map((tag) => ({
    ...tag,
    calls: calls.filter(({ operation }) => operation.tags.includes(tag.name)),
    streams: api['x-grpc-calls'].filter((call) => call.tag === tag.name),
  }));
  return {
    calls: [...groups.map(navGroup), navRest].join('\n'),
    introduction: introduction(api),
    groups: groups.map((group) => groupHtml(group, api)).join('\n'),
    types: typesHtml(answerTypes(api)),
    reasons: Object.entries(reasonSections)
      .filter(([title]) => title !== 'Inside the mesh')
      .map(([title, meanings]) => `<h3>${escapeHtml(title)}</h3>\n${reasonList(Object.entries(meanings))}`)
      .join('\n'),
  };
}

interface Group {
  readonly name: string;
  readonly description: string;
  readonly calls: readonly Call[];
  readonly streams: readonly GrpcCall[];
}

function callsOf(api: OpenApi): Call[] {
  const ways = Object.entries(api.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([verb, operation]): Way => ({ path, verb: verb as Verb, operation })),
  );
  return ways
    .filter(({ operation }) => operation['x-alias-of'] === undefined)
    .map((way) => ({
      ...way,
      aliases: ways.filter(({ operation }) => operation['x-alias-of'] === way.operation.operationId),
    }));
}

const methodName = (rpc: string): string => rpc.replace(/^.*\//, '');
const wayHtml = ({ verb, path }: Pick<Way, 'verb' | 'path'>): string =>
  `<span class="verb">${verb.toUpperCase()}</span> <code>${escapeHtml(path)}</code>`;

function navGroup({ name, calls, streams }: Group): string {
  const items = [
    ...calls.map((call) => `<li><a href="#${call.operation.operationId}">${wayHtml(call)}</a></li>`),
    ...streams.map(
      ({ rpc }) =>
        `<li><a href="#${methodName(rpc)}"><span class="verb">gRPC</span> <code>${methodName(rpc)}</code></a></li>`,
    ),
  ];
  return `<h2>${escapeHtml(name)}</h2>\n<ul>\n${items.join('\n')}\n</ul>`;
}

const navRest =
  '<h2>More</h2>\n<ul>\n<li><a class="plain" href="#types">Types</a></li>\n<li><a class="plain" href="#errors">Errors</a></li>\n<li><a class="plain" href="/api/openapi.json">openapi.json</a></li>\n</ul>';

function introduction(api: OpenApi): string {
  const variables = Object.entries(api['x-variables']).map(([name, value]) => `${name}='${value}'`);
  const [lead = '', ...rest] = api.info.description.split('\n\n');
  return `<p class="lead">${inlineHtml(lead)}</p>
${commentHtml(rest.join('\n\n'))}
<p>The whole of it for programs: <a href="/api/openapi.json">openapi.json</a>, OpenAPI 3.1.</p>
<h2>Before the first call</h2>
<p>The examples are commands for a shell. Each works as it stands, after those before it in their order of use: make an account, then a link.</p>
<pre tabindex="0"><code>${escapeHtml(variables.join('\n'))}</code></pre>
<h2>Credentials</h2>
${commentHtml(`${api.components.securitySchemes.bearer?.description ?? ''} Send it as \`Authorization: Bearer …\`; there is no other place for it.`)}`;
}

function groupHtml({ name, description, calls, streams }: Group, api: OpenApi): string {
  return `<section>
<h2>${escapeHtml(name)}</h2>
<p>${inlineHtml(description)} <a href="#calls">All calls</a></p>
${calls.map((call) => callHtml(call, api)).join('\n')}
${streams.map(streamHtml).join('\n')}
</section>`;
}

function callHtml(call: Call, api: OpenApi): string {
  const { operation } = call;
  return `<article id="${operation.operationId}">
<h3>${inlineHtml(operation.summary)}</h3>
<p class="path">${wayHtml(call)}</p>
<p class="needs">${needsHtml(operation)}</p>
${commentHtml(operation.description)}
${takesHtml(operation, api)}
<h4>Example</h4>
${exampleHtml(operation, api)}
${call.aliases.map(aliasHtml).join('\n')}
<h4>Errors</h4>
${refusalsHtml(operation)}
</article>`;
}

function streamHtml({ rpc, summary, description, scope }: GrpcCall): string {
  return `<article id="${methodName(rpc)}">
<h3>${inlineHtml(summary)}</h3>
<p class="path"><span class="verb">gRPC</span> <code>${escapeHtml(rpc)}</code></p>
<p class="needs">A stream, by gRPC and gRPC-Web only. ${scopeHtml(scope)}</p>
${commentHtml(description)}
</article>`;
}

const scopeHtml = (scope: string): string =>
  scope === '' ? 'Needs credentials.' : `Needs the scope <code>${escapeHtml(scope)}</code>.`;

function needsHtml({ security, 'x-rpc': rpc }: Operation): string {
  const [scopes] = security.map(({ bearer = [] }) => bearer);
  const needs = scopes === undefined ? 'Needs no credentials.' : scopeHtml(scopes[0] ?? '');
  return rpc !== undefined && scopes !== undefined ? `${needs} gRPC: <code>${escapeHtml(rpc)}</code>` : needs;
}

/** The inputs of the call: path, query, header and body. */
function takesHtml({ parameters, requestBody }: Operation, api: OpenApi): string {
  const places = { path: 'Path', query: 'Query', header: 'Header' } as const;
  const lists = Object.entries(places).flatMap(([place, title]) => {
    const found = parameters.filter((parameter) => parameter.in === place);
    return found.length === 0 ? [] : [`<h4>${title}</h4>\n${fieldsHtml(found.map(asField))}`];
  });
  const body = requestBody && resolved(requestBody.content['application/json']?.schema ?? {}, api);
  const fields = Object.entries(body?.properties ?? {});
  if (fields.length > 0) {
    const required = body?.required ?? [];
    const rows = fields.map(([name, schema]) => ({ name, schema, must: required.includes(name) }));
    lists.push(`<h4>Body</h4>\n${fieldsHtml(rows)}`);
  }
  return lists.join('\n');
}

const asField = ({ name, schema, description, required, in: place }: Parameter) => ({
  name,
  schema: { ...schema, description },
  must: required && place !== 'path',
});

const resolved = (schema: Schema, api: OpenApi): Schema =>
  schema.$ref === undefined ? schema : (api.components.schemas[schema.$ref.replace(/^.*\//, '')] ?? {});

function exampleHtml(operation: Operation, api: OpenApi): string {
  const [sample] = operation['x-codeSamples'];
  const { status, after, keep } = operation['x-example'];
  const media = Object.values(operation.responses[status]?.content ?? {})[0];
  const parts = [
    `<pre tabindex="0"><code>${escapeHtml(sample?.source ?? '')}</code></pre>`,
    `<p>${afterHtml(after)}Answers ${status}${typeOfAnswer(media?.schema ?? {}, api)}.${keepHtml(keep)}</p>`,
  ];
  if (media?.example !== undefined) {
    const text = typeof media.example === 'string' ? media.example : JSON.stringify(media.example, null, 2);
    parts.push(`<pre tabindex="0"><code>${escapeHtml(text.trimEnd())}</code></pre>`);
  }
  return parts.join('\n');
}

/** A type is given by name if the list of types has it. */
function typeOfAnswer(schema: Schema, api: OpenApi): string {
  const hasFields = Object.keys(resolved(schema, api).properties ?? {}).length > 0;
  return schema.$ref !== undefined && hasFields ? ` with ${typeHtml(schema)}` : '';
}

const afterHtml = (call: string | undefined): string =>
  call === undefined ? '' : `Once <code>${escapeHtml(call)}</code> was called again. `;

function keepHtml(keep: Readonly<Record<string, string>>): string {
  const kept = Object.entries(keep).map(
    ([name, pointer]) => `<code>${name}</code> = <code>${escapeHtml(pointer.slice(1))}</code>`,
  );
  return kept.length === 0 ? '' : ` Keep for what follows: ${kept.join(', ')}.`;
}

function aliasHtml(alias: Way): string {
  const [sample] = alias.operation['x-codeSamples'];
  return `<details><summary>Also ${wayHtml(alias)}</summary>
<p>${inlineHtml(alias.operation.description)}</p>
<pre tabindex="0"><code>${escapeHtml(sample?.source ?? '')}</code></pre></details>`;
}

/** Reasons that any call may return are listed once, at the end of the page. */
function refusalsHtml({ responses, security }: Operation): string {
  const own = Object.entries(responses).flatMap(([status, { 'x-reasons': found = [] }]) =>
    found.filter((reason) => !isShared(reason)).map((reason) => [status, reason] as const),
  );
  const rows = own.map(
    ([status, reason]) => [reason, { statuses: [Number(status)], sentence: sentenceOf(reason) }] as const,
  );
  const rest = `Those of <a href="#errors">any call</a>${security.length > 0 ? ', and of who is calling' : ''}.`;
  return `${rows.length > 0 ? reasonList(rows) : ''}\n<p class="needs">${rest}</p>`;
}

const sharedSections = ['Any call', 'Who is calling'] as const;
const isShared = (reason: string): boolean => sharedSections.some((title) => reasonSections[title]?.[reason]);
const sentenceOf = (reason: string): string =>
  Object.values(reasonSections).find((meanings) => meanings[reason])?.[reason]?.sentence ?? '';

type ReasonRow = readonly [string, { readonly statuses: readonly number[]; readonly sentence: string }];

function reasonList(rows: readonly ReasonRow[]): string {
  const items = rows.map(
    ([reason, { statuses, sentence }]) =>
      `<div><dt><code>${reason}</code><span class="type">${statuses.join(', ')}</span></dt><dd>${escapeHtml(sentence)}</dd></div>`,
  );
  return `<dl>\n${items.join('\n')}\n</dl>`;
}

/** The types of answers; request bodies are shown with their calls. */
function answerTypes(api: OpenApi): [string, Schema][] {
  return Object.entries(api.components.schemas).filter(
    ([, schema]) => schema.additionalProperties !== false && Object.keys(schema.properties ?? {}).length > 0,
  );
}
