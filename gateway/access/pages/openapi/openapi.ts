/** The part of OpenAPI 3.1 that this API needs. Names are the specification's own. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** JSON Schema 2020-12. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly examples?: readonly Json[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description: string;
  readonly required: boolean;
  /** A list is sent as ?a=1&a=2. */
  readonly schema: Schema;
  readonly example?: Json;
}

export type Header = { readonly description: string; readonly schema: Schema } | { readonly $ref: string };

export interface MediaType {
  readonly schema: Schema;
  readonly example?: Json;
}

type Content = Readonly<Record<string, MediaType>>;

export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, Header>>;
  readonly content?: Content;
  /** The reasons (ErrorInfo) that come with this status. */
  readonly 'x-reasons'?: readonly string[];
}

/** Verbs in OpenAPI's spelling. */
export type Verb = 'get' | 'head' | 'post' | 'patch' | 'put' | 'delete';

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Response>>;
  /** The full name of the gRPC method; absent where Envoy answers by itself. */
  readonly 'x-rpc'?: string;
  /** The operationId of which this is another path. */
  readonly 'x-alias-of'?: string;
  readonly 'x-codeSamples': readonly CodeSample[];
  readonly 'x-example': RunnableExample;
}

interface CodeSample {
  readonly lang: 'Shell';
  readonly label: 'curl';
  readonly source: string;
}

/** The position of a call's sample in the sequence of all of them. */
interface RunnableExample {
  /** Samples work when they are run in the order of their steps. */
  readonly step: number;
  /** The verb and path of the sample that is run again before this one. */
  readonly after?: string;
  /** The status that the sample returns. */
  readonly status: number;
  /** Variables of later samples, as JSON pointers into the answer. */
  readonly keep: Readonly<Record<string, string>>;
}

/** A PUBLIC call without a path: it streams. */
export interface GrpcCall {
  readonly rpc: string;
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly scope: string;
}

export interface OpenApi {
  readonly openapi: '3.1.1';
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<Verb, Operation>>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly headers: Readonly<Record<string, Header>>;
    readonly securitySchemes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  };
  /** What a reader sets before the first sample. */
  readonly 'x-variables': Readonly<Record<string, string>>;
  readonly 'x-grpc-calls': readonly GrpcCall[];
}
