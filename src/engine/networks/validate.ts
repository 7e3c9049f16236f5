import type { StringMap } from '../../contract/api/instances.ts';
import { validateConfig } from '../../contract/config/validate.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';

/** A network is a bridge of the kernel: interface names have at most 15 bytes. */
export function networkNameIssues(name: string): Issue[] {
  if (/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}$/.test(name) && name !== 'lo') return [];
  return [
    {
      path: 'name',
      problem: `${JSON.stringify(name.slice(0, 80))} is no name of a network, wanted 1 to 15 letters, digits, dots, dashes and underscores`,
    },
  ];
}

/** Throws `invalid` with every issue. */
export function checkNetwork(what: string, name: string, config: StringMap): void {
  const issues = [...networkNameIssues(name), ...validateConfig(config, 'network')];
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
}
