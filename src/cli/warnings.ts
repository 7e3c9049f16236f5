import type { Context } from './context.ts';
import type { Operation } from '../contract/api/operations.ts';

/** Passes on what an operation that went well wants people to know: `metadata.warnings`. */
export function warnOf(context: Pick<Context, 'warn'>, operation: Operation): void {
  const warnings = operation.metadata['warnings'];
  if (!Array.isArray(warnings)) return;
  for (const warning of warnings) context.warn(String(warning));
}
