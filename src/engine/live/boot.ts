/** How far a running machine's boot has come, and when it is over. */
export class Boot {
  /** Settles when init is up. Never, when the machine ends before. */
  readonly over: Promise<void>;
  #stage: 'starting' | 'booted' | 'degraded' = 'starting';
  #finish: () => void = () => undefined;

  constructor() {
    this.over = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  get stage(): 'starting' | 'booted' | 'degraded' {
    return this.#stage;
  }

  finish(): void {
    this.#stage = 'booted';
    this.#finish();
  }

  /** It is up, and not everything in it. */
  degrade(): void {
    this.#stage = 'degraded';
    this.#finish();
  }
}
