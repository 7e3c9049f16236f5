/**
 * Who may import whom, and which package each gateway folder keeps to itself. ESLint and the meta
 * tests read this one table; `src/README.md` prints it.
 */
export const layers = {
  base: [],
  contract: ['base'],
  sys: ['base', 'contract'],
  store: ['base', 'contract'],
  client: ['base', 'contract'],
  userns: ['base', 'contract', 'sys'],
  storage: ['base', 'contract', 'sys'],
  network: ['base', 'contract', 'sys'],
  runtime: ['base', 'contract', 'sys'],
  image: ['base', 'contract', 'sys'],
  keeper: ['base', 'contract', 'sys'],
  host: ['base', 'contract', 'sys', 'client', 'userns'],
  engine: ['base', 'contract', 'sys', 'store', 'userns', 'storage', 'image', 'runtime', 'network'],
  daemon: [
    'base',
    'contract',
    'sys',
    'store',
    'userns',
    'storage',
    'image',
    'runtime',
    'network',
    'engine',
  ],
  cli: ['base', 'contract', 'client'],
  bin: ['base', 'keeper', 'host', 'daemon', 'cli'],
} as const satisfies Record<string, readonly string[]>;

export type Layer = keyof typeof layers;

/** Packages that only one folder may import. */
export const gateways: Readonly<Record<string, readonly string[]>> = {
  koffi: ['sys/kernel'],
  execa: ['sys/programs'],
  'better-sqlite3': ['store'],
  yargs: ['cli'],
  fastify: ['daemon'],
  ws: ['daemon', 'client'],
};
