import type { StringMap } from './instances.ts';

/** `GET /1.0/projects/<name>`. `default` is always there. */
export interface Project {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly used_by: readonly string[];
}

/** `GET /1.0/projects/<name>/state`; a limit of -1 is none. */
export interface ProjectState {
  readonly resources: Readonly<Record<string, { readonly Limit: number; readonly Usage: number }>>;
}
