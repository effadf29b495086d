import { type DescMethod, getOption, hasOption } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import { access, Exposure } from '#gen/options/v1/access_pb.ts';
import { forbidden, type HopError, unauthenticated } from '../errors/errors.ts';
import { callerIn } from '../rpc/call.ts';
import type { Caller, PersonCaller } from './token.ts';

/** Who may make a call, from the proto option hop.options.v1.access. */
export interface AccessRule {
  readonly exposure: 'public' | 'internal' | 'edge';
  /** The scope that a person needs; undefined if none. */
  readonly scope: string | undefined;
  readonly anonymous: boolean;
  /** Persons may also make this internal call: teams, on Envoy's internal listener. */
  readonly internalListener: boolean;
}

/** The rule of calls that Envoy itself makes. */
export const edgeRule: AccessRule = { exposure: 'edge', scope: undefined, anonymous: false, internalListener: false };

const exposures: Partial<Record<Exposure, AccessRule['exposure']>> = {
  [Exposure.PUBLIC]: 'public',
  [Exposure.INTERNAL]: 'internal',
  [Exposure.EDGE]: 'edge',
};

/** Throws when the RPC does not declare who may call it: such a call is not served. */
export function accessRuleOf(method: DescMethod): AccessRule {
  const option = hasOption(method, access) ? getOption(method, access) : undefined;
  const exposure = option && exposures[option.exposure];
  if (!option || !exposure) throw new Error(`${method.parent.typeName}/${method.name} does not say who may call it.`);
  return {
    exposure,
    scope: option.scope || undefined,
    anonymous: option.anonymous,
    internalListener: option.internalListener,
  };
}

/** Whether the rule can be checked without a caller token. */
export function isOpen(rule: AccessRule): boolean {
  return rule.exposure === 'edge' || rule.anonymous;
}

/** Throws unless the rule lets the caller in; undefined: the call came without a token. */
export function checkAccess(rule: AccessRule, caller: Caller | undefined): void {
  if (isOpen(rule)) return;
  if (!caller) {
    throw rule.exposure === 'public'
      ? unauthenticated('CREDENTIALS_MISSING', 'This call needs a token or an API key.')
      : unauthenticated('CALLER_MISSING', 'This call needs a caller token.');
  }
  if (caller.kind === 'service') {
    if (rule.exposure === 'internal') return;
    throw forbidden('CALLER_KIND_REFUSED', 'Processes may not make this call.');
  }
  if (rule.exposure === 'internal' && !rule.internalListener) {
    throw forbidden('CALLER_KIND_REFUSED', 'Only processes of the mesh may make this call.');
  }
  if (rule.scope !== undefined && !caller.scopes.includes(rule.scope)) throw lacking(rule.scope, caller);
}

/** A signed-in person can only ask for another role; an API key may be given another scope. */
function lacking(scope: string, { kind, role }: PersonCaller): HopError {
  return kind === 'user'
    ? forbidden('ROLE_MISSING', `This call needs the scope ${scope}, which the role ${role} lacks.`, { scope, role })
    : forbidden('SCOPE_MISSING', `This call needs the scope ${scope}, which the API key or its owner lacks.`, {
        scope,
      });
}

/** The caller; throws UNAUTHENTICATED for a call without a caller token. */
export function callerOf(context: HandlerContext): Caller {
  const caller = callerIn(context);
  if (!caller) throw unauthenticated('CREDENTIALS_MISSING', 'This call needs a token or an API key.');
  return caller;
}

/** The person who makes this call; throws when there is no caller, or it is a process. */
export function personOf(context: HandlerContext): PersonCaller {
  const caller = callerOf(context);
  if (caller.kind === 'service') throw forbidden('CALLER_KIND_REFUSED', 'Processes may not make this call.');
  return caller;
}
