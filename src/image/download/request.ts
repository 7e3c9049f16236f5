import { WarrenError } from '../../contract/errors.ts';
import { findProxy } from './proxy.ts';
import { fetchThrough } from './through-proxy.ts';

/** A server that sends nothing for so long is given up. */
const silenceMs = 60_000;
const maxRedirects = 5;

/** What a request is for, in words, and when to give it up. */
export interface Purpose {
  readonly what: string;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly response: Response;
  /** Where it came from in the end. */
  readonly url: string;
}

/** A request to a server, given up by who asked for it or after a silence; disposing ends it. */
export class ServerRequest implements Disposable {
  readonly #url: string;
  readonly #purpose: Purpose;
  readonly #silence = new AbortController();
  readonly #end = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(url: string, purpose: Purpose) {
    this.#url = url;
    this.#purpose = purpose;
    this.#timer = setTimeout(() => {
      this.#silence.abort();
    }, silenceMs);
  }

  /** Something came. */
  heard(): void {
    this.#timer.refresh();
  }

  /** Throws `host_lacks` for what is no success, whatever `explain` makes of it otherwise. */
  async send(method: 'GET' | 'HEAD', headers: Readonly<Record<string, string>>): Promise<Answer> {
    const answer = await this.#follow(method, headers);
    const { ok, status, statusText } = answer.response;
    if (ok) return answer;
    throw this.#lacks(`${this.#url} is answered with ${status} ${statusText}`.trimEnd());
  }

  /** What is to be thrown for what went wrong: `cancelled`, `host_lacks`. */
  explain(error: unknown): unknown {
    if (error instanceof WarrenError) return error;
    const { signal, what } = this.#purpose;
    if (signal.aborted) return new WarrenError('cancelled', { what }, { cause: error });
    const isSilent = this.#silence.signal.aborted;
    const why = isSilent ? `is silent for ${silenceMs / 1000} s` : reasonOf(error);
    return this.#lacks(`${this.#url} ${why}`, error);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#end.abort();
  }

  /**
   * The answer that the URL leads to. Each step is looked at, since whoever is on the wire of one
   * that is not encrypted decides where the next one goes.
   */
  async #follow(method: 'GET' | 'HEAD', sent: Readonly<Record<string, string>>): Promise<Answer> {
    const headers = { 'User-Agent': 'warren', ...sent };
    const { signal: asked } = this.#purpose;
    const signal = AbortSignal.any([asked, this.#silence.signal, this.#end.signal]);
    let at = this.#url;
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const proxy = findProxy(new URL(at), process.env);
      const response = await (proxy === undefined
        ? fetch(at, { method, signal, redirect: 'manual', headers })
        : fetchThrough(proxy, at, { method, signal, headers }));
      const next = redirectOf(response, at);
      if (next === undefined) return { response, url: at };
      if (!leadsOn(at, next)) throw this.#lacks(`${at} leads to ${next}, which is not encrypted`);
      await response.body?.cancel();
      at = next;
    }
    throw this.#lacks(`${this.#url} leads on and on`);
  }

  #lacks(found: string, cause?: unknown): WarrenError {
    // The rest of it may be a server's text, and a hint is to be typed.
    const hint = `curl -I ${new URL(this.#url).origin}`;
    const details = { what: this.#purpose.what, found, wanted: 'a server of images', hint };
    return new WarrenError('host_lacks', details, { cause });
  }
}

/**
 * Whether one URL may send us to another: to what is encrypted, or from what is not to its like.
 */
export function leadsOn(from: string, to: string): boolean {
  return to.startsWith('https:') || (from.startsWith('http:') && to.startsWith('http:'));
}

/** Where an answer sends us on to; undefined when it is the answer itself. */
function redirectOf({ status, headers }: Response, from: string): string | undefined {
  const location = status >= 300 && status < 400 ? headers.get('location') : null;
  return location === null ? undefined : new URL(location, from).href;
}

/**
 * `fetch` says only that it failed; why stands in the cause. Through a proxy it is the error
 * itself.
 */
function reasonOf(error: unknown): string {
  const { cause, code } = error as NodeJS.ErrnoException & {
    cause?: { code?: string; message?: string };
  };
  const itself = code ?? (error instanceof Error ? error.message : '');
  const reason = cause?.code ?? cause?.message ?? itself;
  return `cannot be fetched (${reason})`;
}
