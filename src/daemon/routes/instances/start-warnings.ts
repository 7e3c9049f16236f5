import { whyDegraded } from '../../../engine/instances/inotify.ts';
import { whyNothingOutside } from '../../../engine/networks/outside.ts';

import type { EngineDeps } from '../../../engine/types.ts';

/** What whoever has started these machines should know, for the operation's metadata. */
export function startWarnings(
  engine: EngineDeps,
  names: readonly string[],
): { readonly warnings: readonly string[] } | undefined {
  const warnings = names
    .flatMap((name) => [whyNothingOutside(engine, name), whyDegraded(engine, name)])
    .filter((warning) => warning !== undefined);
  return warnings.length === 0 ? undefined : { warnings };
}
