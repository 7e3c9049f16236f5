/** Numbers requests for the same work, so that one run can answer all that came before it began. */
export class Asks {
  #asked = 0;
  #done = 0;

  next(): number {
    this.#asked += 1;
    return this.#asked;
  }

  latest(): number {
    return this.#asked;
  }

  isDone(ask: number): boolean {
    return ask <= this.#done;
  }

  /** Whether something was asked for and nothing is under way or has failed since. */
  isSettled(): boolean {
    return this.#asked > 0 && this.#done === this.#asked;
  }

  done(upTo: number): void {
    this.#done = Math.max(this.#done, upTo);
  }
}
