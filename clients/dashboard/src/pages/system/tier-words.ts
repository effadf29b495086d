/** What a tier is, in a few words; the contract has the names. */
export const tierWords: Readonly<Record<string, { readonly name: string; readonly what: string }>> = {
  edge: { name: 'Edge', what: 'Envoy, from its own route table' },
  l1: { name: 'Memory', what: 'the memory of a resolver' },
  redis: { name: 'Redis', what: 'the shared cache' },
  replica: { name: 'Replica', what: 'a copy of the database' },
  primary: { name: 'Primary', what: 'the database itself' },
  filter: { name: 'Filter', what: 'refused: this code was never created' },
  none: { name: 'None', what: 'malformed, limited or without an answer' },
};
