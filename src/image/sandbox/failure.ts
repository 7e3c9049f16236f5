import type { HostPath } from '../../base/brand.ts';
import { WarrenError } from '../../contract/errors.ts';
import { runtimeRefusal } from '../../sys/programs/runtime-refusal.ts';
import type { ChildEnd } from './child.ts';

/** The sentence for a confined program that did not end well; `where` is what it wrote to. */
export function childFailure(
  end: ChildEnd,
  context: { readonly what: string; readonly program: string; readonly where: HostPath },
): WarrenError {
  const { what, program, where } = context;
  if (isFull(end.errorText)) {
    return new WarrenError('no_space', { what, where });
  }
  const refusal = runtimeRefusal(what, end.errorText);
  if (refusal !== undefined) return refusal;
  const outcome =
    end.exitCode === undefined
      ? `was ended by ${end.signal ?? 'a signal'}`
      : `exited with ${end.exitCode}`;
  return new WarrenError('program_failed', { what, program, outcome, output: tail(end.errorText) });
}

/** tar says so in its own words when a write got half through. */
export function isFull(errorText: string): boolean {
  return /No space left on device|Disk quota exceeded|Wrote only \d+ of \d+ bytes/.test(errorText);
}

/** The last lines, on one, without what a terminal would act on. */
export function tail(text: string): string {
  return text
    .trim()
    .split('\n')
    .slice(-3)
    .join(' / ')
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')
    .slice(-500);
}

/** Throws `cancelled` when the caller gave up. */
export function throwIfCancelled(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw new WarrenError('cancelled', { what });
}
