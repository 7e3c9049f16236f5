import type { StringMap } from '../api/instances.ts';

/** Where the administrator of a host says what machines may be. There is no other place. */
export const policyFile = '/etc/warren/policy.yaml';

/**
 * Amounts of one machine, or of all machines of one user together. Absent: as much as they like.
 */
export interface Ceilings {
  readonly memoryBytes?: number;
  readonly cpus?: number;
  readonly processes?: number;
  readonly diskBytes?: number;
}

/**
 * The administrator's rules, held against what a machine comes to in the end. An absent list allows
 * everything, an empty one nothing.
 */
export interface Policy {
  /** Most machines of one user. */
  readonly machines?: number;
  /** Most of one machine. */
  readonly each: Ceilings;
  /** Most of all machines of one user, added up. */
  readonly together: Ceilings;
  /** Keys that every machine has, over what its profiles say. */
  readonly force: StringMap;
  /** Keys, or beginnings such as `linux.sysctl.*`, that no machine may set. */
  readonly deny: readonly string[];
  readonly devices: {
    readonly types?: readonly string[];
    /**
     * Paths of the host that machines may be given, with all below them. `{user}` is the account.
     */
    readonly paths?: readonly string[];
    /** Addresses of the host that a proxy may listen on. */
    readonly listen?: readonly string[];
  };
  /** Recipes (`debian/*`), `import`, `publish`, or fingerprints. */
  readonly images?: readonly string[];
}

/** What the administrator has said about machines of this host. */
export type PolicyState =
  | { readonly kind: 'none' }
  | { readonly kind: 'applies'; readonly policy: Policy }
  /** There is a file and it cannot be relied on: then nothing that it might forbid is done. */
  | { readonly kind: 'unusable'; readonly problems: readonly string[] };

export interface PolicySource {
  readonly file: string;
  /** As the file is now: an administrator's change holds from the next check on. */
  read(): PolicyState;
}

/** Keys whose limit a ceiling needs: a host that cannot hold them runs no machine. */
export function heldKeys({ each, together, force }: Policy): readonly string[] {
  const has = (amount: keyof Ceilings): boolean =>
    each[amount] !== undefined || together[amount] !== undefined;
  return [
    ...(has('memoryBytes') ? ['limits.memory'] : []),
    ...(has('cpus') ? ['limits.cpu', 'limits.cpu.allowance'] : []),
    ...(has('processes') ? ['limits.processes'] : []),
    ...Object.keys(force),
  ];
}

/** Whether `name` is one of `patterns`, of which `*` at the end stands for whatever follows. */
export function matchesPattern(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  );
}
