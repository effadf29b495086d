/** The arrows of the house: proto (gen) <- runtime <- services, gateway; clients know only proto. No service knows another. */
const forbidden = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

/** Processes, and commands of operators. */
const started = '^(services|gateway)/.+/(main|takedown|erase|reconcile|new-password)\\.ts$';

export default {
  forbidden: [
    forbidden('no-cycles', 'A cycle means that two files are one.', {}, { circular: true }),
    forbidden(
      'services-stand-alone',
      'Services and the gateway talk through proto, never by import.',
      { path: '^(services|gateway)/([^/]+)/' },
      { path: '^(services|gateway|envoy|compose|clients|tests|loadtests)/', pathNot: '^$1/$2/' },
    ),
    forbidden(
      'runtime-knows-only-proto',
      'What every process shares cannot know a process.',
      { path: '^runtime/', pathNot: '^runtime/testing/' },
      { path: '^(services|gateway|envoy|compose|clients|tests|loadtests)/' },
    ),
    forbidden(
      'clients-know-only-proto',
      'A client has what anyone outside has: the contract.',
      { path: '^clients/([^/]+)/' },
      { path: '^(runtime|services|gateway|envoy|compose|loadtests)/' },
    ),
    forbidden(
      'clients-stand-on-the-sdk',
      'A client may use the typed client, and no other one.',
      { path: '^clients/([^/]+)/' },
      { path: '^clients/', pathNot: '^clients/($1|sdk)/' },
    ),
    forbidden(
      'proto-knows-nothing',
      'Generated code stands on libraries alone.',
      { path: '^(gen|clients/sdk/gen)/' },
      { path: '^(runtime|services|gateway|envoy|compose|clients|tests|loadtests)/' },
    ),
    forbidden(
      'sql-only-in-stores',
      'Only a store, a migration or the shared pool may know Postgres.',
      { path: '^(services|gateway)/', pathNot: '(\\.postgres\\.ts$|/main\\.ts$|\\.test\\.ts$|/testing/)' },
      { path: '^node_modules/pg/', dependencyTypesNot: ['type-only'] },
    ),
    forbidden(
      'tracing-on-demand',
      'A process that sends no spans does not load what makes them.',
      {},
      { path: '^runtime/telemetry/tracer-provider\\.ts$', dynamic: false },
    ),
    forbidden(
      'tests-are-leaves',
      'Product code never stands on test code.',
      { path: '^(runtime|services|gateway|envoy|compose|clients)/', pathNot: '(\\.test\\.ts$|/testing/)' },
      { path: '(\\.test\\.ts$|^tests/|/testing/)' },
    ),
    forbidden(
      'fakes-stand-apart',
      'What no process and no command reaches is there for tests: it belongs into testing/.',
      { path: started },
      { path: '^(services|gateway)/', pathNot: `(${started}|\\.test\\.ts$|/testing/)`, reachable: false },
    ),
  ],
  options: {
    parser: 'swc',
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: ['node_modules', '^gen/', '^clients/[^/]+/(gen|dist)/'] },
    // The parser knows no JSX: biome holds the arrows of the dashboard.
    exclude: { path: ['^\\.local', '^clients/dashboard/'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@hopline/source', 'import', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js'],
    },
  },
};
