/**
 * The error catalogue: one row per code. `status` is the HTTP status, `exit` the CLI's exit code,
 * `message` the sentence ("Cannot <do>: <what is>, <what is wanted>") and `hint` the command to
 * type next. Details are plain JSON so that they survive the socket.
 */
export interface ErrorRow<Details> {
  readonly status: number;
  readonly exit: number;
  readonly message: (details: Details) => string;
  readonly hint?: (details: Details) => string | undefined;
}

function row<Details>(definition: ErrorRow<Details>): ErrorRow<Details> {
  return definition;
}

/** One thing wrong with a request; validation reports all of them at once. */
export interface Issue {
  /** Where, dotted: `config.limits.memory`, `devices.eth0.network`, `name`. */
  readonly path: string;
  /**
   * What is and what is wanted, as a clause: `"lots" is no size, wanted a number with a unit such
   * as 512MiB`.
   */
  readonly problem: string;
}

function formatIssue({ path, problem }: Issue): string {
  return path === '' ? problem : `${path}: ${problem}`;
}

function ofAdministrator(file: string): string {
  return `(the administrator's ${file})`;
}

export const catalogue = {
  invalid: row<{ what: string; issues: readonly Issue[]; hint?: string | undefined }>({
    status: 400,
    exit: 3,
    message: ({ what, issues }) => `Cannot ${what}: ${issues.map(formatIssue).join('; ')}`,
    hint: ({ issues, hint }) =>
      hint ?? listOfMissing(issues) ?? topicOf(issues.map(({ path }) => path)),
  }),
  not_found: row<{
    kind: string;
    name: string;
    nearest?: string | undefined;
    /** What it was looked for in: a machine, a profile. */
    owner?: string;
    hint?: string | undefined;
  }>({
    status: 404,
    exit: 4,
    message: ({ kind, name, nearest, owner }) =>
      `Cannot find ${kind} "${name}"${owner === undefined ? '' : ` of ${owner}`}${nearest === undefined ? '' : `; the nearest name is "${nearest}"`}`,
    hint: ({ kind, hint, owner }) =>
      hint ?? (owner === undefined ? listCommands[kind] : listOfOwner(kind, owner)),
  }),
  exists: row<{ kind: string; name: string; owner?: string; hint?: string }>({
    status: 409,
    exit: 5,
    message: ({ kind, name, owner }) =>
      owner === undefined
        ? `Cannot create ${kind} "${name}": one of that name exists already`
        : `Cannot add ${kind} "${name}" to ${owner}: it has one of that name already`,
    hint: ({ kind, hint, owner }) =>
      hint ?? (owner === undefined ? listCommands[kind] : listOfOwner(kind, owner)),
  }),
  in_use: row<{ kind: string; name: string; users: readonly string[] }>({
    status: 400,
    exit: 6,
    message: ({ kind, name, users }) =>
      `Cannot remove ${kind} "${name}": it is used by ${users.join(', ')}`,
    hint: ({ kind, name }) =>
      showCommands[kind] === undefined ? undefined : `${showCommands[kind]} ${name}`,
  }),
  wrong_state: row<{ name: string; action: string; state: string; wanted: string; hint?: string }>({
    status: 400,
    exit: 7,
    message: ({ name, action, state, wanted }) =>
      `Cannot ${action} ${name}: it is ${state}, wanted ${wanted}`,
    hint: ({ hint }) => hint,
  }),
  busy: row<{ name: string; action: string; other: string }>({
    status: 409,
    exit: 8,
    message: ({ name, action, other }) => `Cannot ${action} ${name}: ${other} is still under way`,
    hint: () => 'warren operation list',
  }),
  protected: row<{ name: string; key: string; source: string }>({
    status: 403,
    exit: 9,
    message: ({ name, key, source }) => `Cannot delete ${name}: ${key}=true is set by ${source}`,
    hint: ({ name, key }) => `warren config set ${name} ${key}=false`,
  }),
  forbidden: row<{ what: string; why: string }>({
    status: 403,
    exit: 9,
    message: ({ what, why }) => `Cannot ${what}: ${why}`,
  }),
  policy: row<{ what: string; file: string; issues: readonly Issue[] }>({
    status: 403,
    exit: 9,
    message: ({ what, file, issues }) =>
      `Cannot ${what}: ${issues.map(formatIssue).join('; ')} ${ofAdministrator(file)}`,
    hint: () => 'warren help policy',
  }),
  stale: row<{ what: string }>({
    status: 412,
    exit: 10,
    message: ({ what }) =>
      `Cannot change ${what}: it changed since it was read, wanted the current ETag`,
  }),
  unsupported: row<{ what: string; why: string; hint?: string }>({
    status: 501,
    exit: 11,
    message: ({ what, why }) => `Cannot ${what}: ${why}`,
    hint: ({ hint }) => hint,
  }),
  host_lacks: row<{ what: string; found: string; wanted: string; hint: string }>({
    status: 503,
    exit: 12,
    message: ({ what, found, wanted }) => `Cannot ${what}: ${found}, wanted ${wanted}`,
    hint: ({ hint }) => hint,
  }),
  limit_unenforceable: row<{ name: string; key: string; value: string; controller: string }>({
    status: 503,
    exit: 12,
    message: ({ name, key, value, controller }) =>
      `Cannot hold ${name} to ${key}=${value}: this host does not delegate the ${controller} controller${controller === 'hugetlb' ? ', and no systemd can' : ''}`,
    hint: ({ name, key, controller }) =>
      controller === 'hugetlb' ? `warren config unset ${name} ${key}` : 'warren doctor cgroup',
  }),
  no_space: row<{ what: string; where: string; hint?: string }>({
    status: 507,
    exit: 13,
    message: ({ what, where }) => `Cannot ${what}: no space left on ${where}`,
    hint: ({ hint }) => hint ?? 'warren image list    (delete what is not needed)',
  }),
  hostile: row<{ what: string; found: string; hint?: string | undefined }>({
    status: 400,
    exit: 14,
    message: ({ what, found }) => `Cannot ${what}: ${found}`,
    hint: ({ hint }) => hint,
  }),
  timeout: row<{ what: string; seconds: number; hint?: string }>({
    status: 504,
    exit: 15,
    message: ({ what, seconds }) => `Cannot ${what}: not done after ${seconds} s`,
    hint: ({ hint }) => hint ?? 'warren daemon logs',
  }),
  cancelled: row<{ what: string; hint?: string }>({
    status: 400,
    exit: 16,
    message: ({ what }) => `${what} was cancelled`,
    hint: ({ hint }) => hint,
  }),
  program_failed: row<{
    what: string;
    program: string;
    outcome: string;
    output: string;
    hint?: string;
  }>({
    status: 500,
    exit: 17,
    message: ({ what, program, outcome, output }) =>
      `Cannot ${what}: ${program} ${outcome}${output === '' ? '' : `: ${output}`}`,
    hint: ({ hint }) => hint ?? 'warren doctor',
  }),
  daemon_unreachable: row<{ socket: string; why: string; hint?: string | undefined }>({
    status: 503,
    exit: 18,
    message: ({ socket, why }) => `Cannot reach the daemon at ${socket}: ${why}`,
    hint: ({ hint }) => hint ?? 'warren daemon logs',
  }),
  real_root: row<Record<string, never>>({
    status: 403,
    exit: 19,
    message: () => 'Cannot run as root: warren is for ordinary users and needs no privilege',
    hint: () => 'su - USER -c "warren …"',
  }),
  bug: row<{ message: string; operation?: string | undefined; log: string }>({
    status: 500,
    exit: 1,
    message: ({ message, operation, log }) =>
      `This is a bug in warren: ${message}${operation === undefined ? '' : ` (operation ${operation})`}; details in ${log}`,
    hint: () => 'warren daemon logs',
  }),
} as const;

/** The command that lists what exists, per kind of object. */
const listCommands: Readonly<Record<string, string>> = {
  image: 'warren image list --available',
  instance: 'warren list',
  profile: 'warren profile list',
  project: 'warren project list',
  network: 'warren network list',
  'image alias': 'warren image alias list',
  'storage pool': 'warren storage list',
  'storage volume': 'warren storage volume list default',
  operation: 'warren operation list',
  warning: 'warren warning list --all',
  alias: 'warren alias list',
  log: 'warren daemon status',
  'doctor topic': 'warren doctor',
};

/** The command that shows what uses an object. */
const showCommands: Readonly<Record<string, string>> = {
  network: 'warren network show',
  profile: 'warren profile show',
  project: 'warren list --project',
  'storage volume': 'warren storage volume show default',
};

/** What shows all of a kind that one machine has. */
function listOfOwner(kind: string, owner: string): string | undefined {
  const commands: Readonly<Record<string, string>> = {
    user: `warren exec ${owner} -- cat /etc/passwd`,
    group: `warren exec ${owner} -- cat /etc/group`,
    profile: `warren config show ${owner}`,
    template: `warren config template list ${owner}`,
  };
  return commands[kind];
}

/** The command that lists the kind of object that a request names and that is not there. */
function listOfMissing(issues: readonly Issue[]): string | undefined {
  const kinds = issues.map(({ problem }) => /^there is no ([a-z ]+) "/.exec(problem)?.[1]);
  return kinds.map((kind) => listCommands[kind ?? '']).find((command) => command !== undefined);
}

/** The topic about the keys that a request has wrong. */
function topicOf(paths: readonly string[]): string | undefined {
  const found = topicsOfPaths.find(([pattern]) => paths.some((path) => pattern.test(path)));
  return found === undefined ? undefined : `warren help ${found[1]}`;
}

const topicsOfPaths: readonly (readonly [RegExp, string])[] = [
  [/^config\.((warren\.)?limits|linux\.sysctl)\./, 'limits'],
  [/^config\.snapshots\./, 'snapshots'],
  [/^config\.(security\.idmap|raw\.idmap)/, 'idmaps'],
  [/^config\.(ipv4|ipv6|dns|bridge)\./, 'networks'],
  [/^devices\./, 'devices'],
];

export type ErrorCode = keyof typeof catalogue;
export type ErrorDetails<Code extends ErrorCode> = Parameters<
  (typeof catalogue)[Code]['message']
>[0];

/** What any part of warren throws for a condition that it foresees. Anything else is a bug. */
export class WarrenError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'WarrenError';
  readonly code: Code;
  readonly details: ErrorDetails<Code>;

  constructor(code: Code, details: ErrorDetails<Code>, options?: ErrorOptions) {
    const { message } = catalogue[code] as unknown as ErrorRow<ErrorDetails<Code>>;
    super(message(details), options);
    this.code = code;
    this.details = details;
  }

  get hint(): string | undefined {
    const definition = catalogue[this.code] as unknown as ErrorRow<ErrorDetails<Code>>;
    return definition.hint?.(this.details);
  }
}

/**
 * The sentence of an error for a screen, a line for each cause where there are several: what cannot
 * be done, then why. Undefined where it has one cause alone, or its words are not of this
 * catalogue.
 */
export function causesOf({ code, details, message }: WarrenError): readonly string[] | undefined {
  if (code !== 'invalid' && code !== 'policy') return undefined;
  const known = details as ErrorDetails<'policy'>;
  if (known.issues.length < 2 || message !== catalogue[code].message(known)) return undefined;
  return [
    `Cannot ${known.what}:`,
    ...known.issues.map(formatIssue),
    ...(code === 'policy' ? [ofAdministrator(known.file)] : []),
  ];
}

/** Narrows to a `WarrenError` of the given code. */
export function isWarrenError<Code extends ErrorCode>(
  error: unknown,
  code: Code,
): error is WarrenError<Code> {
  return error instanceof WarrenError && error.code === code;
}
