import type { EnginePorts } from '../../../../src/engine/engine.ts';

/** The ports whose effects a test may stop at, and what in them changes something outside. */
const effects = {
  storage: [
    ...(['mountRoot', 'unmountRoot', 'createUpper', 'removeUpper', 'emptyUpper'] as const),
    ...(['plainDirectory', 'stagePlain'] as const),
    ...(['importTree', 'mountView', 'copyUpper'] as const),
  ],
  volumes: ['create', 'copy', 'shift', 'shiftNew', 'remove'],
  runtime: [
    ...([
      'create',
      'start',
      'delete',
      'killAll',
      'freeze',
      'thaw',
      'requestShutdown',
      'listenNotify',
    ] as const),
    ...(['attachMount', 'detachMount'] as const),
  ],
  networks: ['apply', 'attach', 'detach', 'addProxy', 'removeProxy', 'releaseLease'],
  keeper: ['store', 'drop', 'forgetExits'],
} as const;

/**
 * Stands before every effect. What it throws, the effect threw; while it waits, so does the effect.
 */
export interface Gate {
  /** `effect` is `storage.mountRoot`, or `keeper.store 2` for the second in a row. */
  (effect: string, run: () => unknown): unknown;
}

/** For what happens after a death. */
export function forever(): Promise<never> {
  return new Promise(() => undefined);
}

/** The same ports, with a gate before their effects. */
export function gated(ports: EnginePorts, gate: Gate): EnginePorts {
  const wrap = <T extends object>(name: keyof typeof effects, port: T): T => {
    const names: readonly string[] = effects[name];
    return new Proxy(port, {
      get(target, property): unknown {
        const value: unknown = Reflect.get(target, property, target);
        if (typeof value !== 'function') return value;
        const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args) as unknown;
        if (typeof property === 'symbol' || !names.includes(property)) return call;
        return (...args: unknown[]) => gate(`${name}.${property}`, () => call(...args));
      },
    });
  };
  return {
    ...ports,
    storage: {
      ...wrap('storage', ports.storage),
      volumes: wrap('volumes', ports.storage.volumes),
    },
    runtime: wrap('runtime', ports.runtime),
    networks: wrap('networks', ports.networks),
    keeper: wrap('keeper', ports.keeper),
  };
}

/**
 * One thing that goes wrong: at the `nth` time that `effect` is asked for, before it is made or
 * just after. `trail` has what was asked for.
 */
export class Fault {
  readonly trail: string[] = [];
  #armed: { readonly effect: string; readonly strike: (run: () => unknown) => unknown } | undefined;
  readonly #counts = new Map<string, number>();

  readonly gate: Gate = (effect, run) => {
    const count = (this.#counts.get(effect) ?? 0) + 1;
    this.#counts.set(effect, count);
    const step = count === 1 ? effect : `${effect} ${count}`;
    this.trail.push(step);
    const armed = this.#armed;
    if (armed?.effect !== step) return run();
    this.#armed = undefined;
    return armed.strike(run);
  };

  /** Counts and the trail begin anew. */
  arm(effect?: string, strike: (run: () => unknown) => unknown = (run) => run()): void {
    this.trail.length = 0;
    this.#counts.clear();
    this.#armed = effect === undefined ? undefined : { effect, strike };
  }

  get struck(): boolean {
    return this.#armed === undefined;
  }
}
