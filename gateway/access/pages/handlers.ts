import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import type { PagesService } from '#gen/pages/v1/pages_service_pb.ts';
import { notFound, unavailable } from '#runtime/errors/errors.ts';
import { errorBody } from '#runtime/http/error-body.ts';
import { matchesEtag, pickEncoding, prefersJson } from '#runtime/http/negotiation.ts';
import { isHead, metadataOf, setResponseMetadata } from '#runtime/rpc/call.ts';
import type { Site } from './files.ts';
import type { ReadReadiness } from './readiness.ts';
import type { SiteFile } from './site-file.ts';

interface Dependencies {
  readonly site: Site;
  readonly readiness: ReadReadiness;
}

/** A google.api.HttpBody under construction. */
interface Body {
  readonly contentType: string;
  readonly data: Uint8Array;
}

const json = 'application/json';
const nothing = new Uint8Array();
const retryAfterSeconds = '1';

/** The usual error body, to which the response adds what is wrong. */
const noResolver = JSON.parse(
  errorBody(unavailable('DEPENDENCY_UNAVAILABLE', 'No resolver is serving: links cannot be followed.', 1_000)),
) as object;

/** The pages of the installation itself. The HTTP status is sent as x-status, which Envoy turns into :status. */
export function createPages({ site, readiness }: Dependencies): ServiceImpl<typeof PagesService> {
  const noPage = Buffer.from(errorBody(notFound('NOT_FOUND', 'There is nothing at this path.')));
  return {
    getPage(_request, context) {
      const path = pathOf(context);
      const file = path === undefined ? undefined : site.find(path);
      if (file) return answerFile(context, file);
      // In the spelling that Envoy's compressor looks for; otherwise it would add the value again.
      setResponseMetadata(context, 'vary', 'accept, Accept-Encoding');
      if (path?.startsWith('/api/') || prefersJson(metadataOf(context, 'accept'))) {
        return answerJson(context, 404, noPage);
      }
      return answerBody(context, 404, site.notFound);
    },

    async getReadiness(_request, context) {
      const answer = await readiness();
      if (answer.status !== 'unavailable') return answerJson(context, 200, Buffer.from(JSON.stringify(answer)));
      setResponseMetadata(context, 'retry-after', retryAfterSeconds);
      return answerJson(context, 503, Buffer.from(JSON.stringify({ ...noResolver, ...answer })));
    },
  };
}

function answerFile(context: HandlerContext, file: SiteFile): Body {
  const { etag } = variantFor(context, file);
  setResponseMetadata(context, 'etag', etag);
  setResponseMetadata(context, 'vary', 'accept-encoding');
  if (!matchesEtag(metadataOf(context, 'if-none-match'), etag)) return answerBody(context, 200, file);
  setResponseMetadata(context, 'cache-control', file.cacheControl);
  setResponseMetadata(context, 'x-status', '304');
  return { contentType: file.contentType, data: nothing };
}

function answerBody(context: HandlerContext, status: number, file: SiteFile): Body {
  const { encoding, body } = variantFor(context, file);
  setHeaders(context, status, file.cacheControl);
  if (file.policy !== undefined) {
    setResponseMetadata(context, 'content-security-policy', file.policy);
    setResponseMetadata(context, 'referrer-policy', 'no-referrer');
  }
  if (encoding !== 'identity') setResponseMetadata(context, 'content-encoding', encoding);
  return { contentType: file.contentType, data: isHead(context) ? nothing : body };
}

function answerJson(context: HandlerContext, status: number, body: Uint8Array): Body {
  setHeaders(context, status, 'no-store');
  return { contentType: json, data: isHead(context) ? nothing : body };
}

function setHeaders(context: HandlerContext, status: number, cacheControl: string): void {
  setResponseMetadata(context, 'x-status', String(status));
  setResponseMetadata(context, 'cache-control', cacheControl);
  setResponseMetadata(context, 'x-content-type-options', 'nosniff');
}

// grpc-js removes accept-encoding from the metadata, so Envoy passes it under another name.
function variantFor(context: HandlerContext, file: SiteFile) {
  return file.variant(pickEncoding(metadataOf(context, 'x-hop-accept-encoding')));
}

/** The requested path without its query; the path bound by the transcoder can come from a query parameter. */
function pathOf(context: HandlerContext): string | undefined {
  return metadataOf(context, 'x-envoy-original-path')?.split('?', 1)[0];
}
