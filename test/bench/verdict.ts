/** A goal, and whether it was reached. */
export interface Verdict {
  readonly goal: string;
  /** The figure that was found, in words. */
  readonly found: string;
  readonly isMet: boolean;
}
