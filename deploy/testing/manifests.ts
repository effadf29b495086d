import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { parse, parseAllDocuments } from 'yaml';

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly lifecycle?: {
    readonly preStop: {
      readonly sleep?: { readonly seconds: number };
      readonly exec?: { readonly command: readonly string[] };
    };
  };
  readonly resources?: { readonly requests: Amounts; readonly limits: Amounts };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}
interface Probe {
  readonly grpc?: { readonly port: number };
  readonly exec?: { readonly command: readonly string[] };
}
interface Amounts {
  readonly cpu: string;
  readonly memory: string;
}
export interface Pod {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly terminationGracePeriodSeconds?: number;
  readonly volumes?: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
}

/** As much of any manifest as the tests look at; what a kind does not have is not there. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template?: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: Pod };
    readonly selector?: Record<string, unknown>;
    readonly ports?: readonly { readonly port: number; readonly targetPort: string | number }[];
    readonly minReplicas?: number;
    readonly maxReplicas?: number;
    readonly ttlSecondsAfterFinished?: number;
    readonly minReadySeconds?: number;
    readonly volumeClaimTemplates?: readonly {
      readonly spec: { readonly resources: { readonly requests: { readonly storage: string } } };
    }[];
    readonly podSelector?: Selector;
    readonly ingress?: readonly Ingress[];
    /** Of a PodMonitor. */
    readonly podMetricsEndpoints?: readonly Readonly<Record<string, unknown>>[];
    readonly groups?: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[];
  };
}
interface Ingress {
  readonly from?: readonly { readonly podSelector?: Selector }[];
  readonly ports?: readonly { readonly port: string | number; readonly endPort?: number }[];
}
export interface Selector {
  readonly matchLabels?: Record<string, string>;
  readonly matchExpressions?: readonly { readonly values: readonly string[] }[];
}
export interface Kustomization {
  readonly resources: readonly string[];
  readonly images?: readonly { readonly name: string; readonly newTag: string }[];
}

const root = join(import.meta.dirname, '..');

export const kustomization = (layer: string): Kustomization =>
  parse(readFileSync(join(root, layer, 'kustomization.yaml'), 'utf8')) as Kustomization;

export const manifestFiles = (layer: string): string[] =>
  readdirSync(join(root, layer)).filter((name) => /^(?!kustomization\.)[^.]+\.yaml$/.test(name));

export const manifests = (layer: string): Manifest[] =>
  manifestFiles(layer).flatMap((name) => {
    const documents = parseAllDocuments(readFileSync(join(root, layer, name), 'utf8'));
    return documents.map((document) => {
      const manifest = document.toJS() as Manifest & { spec?: Manifest['spec'] };
      return { ...manifest, spec: manifest.spec ?? {} };
    });
  });

export const meshEnvironment = parseEnv(readFileSync(join(root, 'base/mesh.env'), 'utf8')) as Record<string, string>;

/** What a container's process is told, but for its env-file; names of pods are made up as Kubernetes would. */
export function toldTo({ name, env = [], envFrom = [] }: Container): Record<string, string> {
  const own = env.map(({ name: variable, value }) => [variable, value ?? `${name}-0`]);
  return { ...(envFrom.length > 0 ? meshEnvironment : {}), ...Object.fromEntries(own) };
}
