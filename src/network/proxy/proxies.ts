import { WarrenError } from '../../contract/errors.ts';
import type { NetnsThread } from '../../sys/kernel/netns.ts';

import type { ProxyAddress, ProxySpec } from '../types.ts';
import { openDatagramProxy } from './datagram.ts';
import { hostSide } from './host-side.ts';
import { openMachineSide } from './machine-side.ts';
import type { DatagramTarget, OpenMachineFiles, StreamTarget } from './side.ts';
import { openStreamProxy } from './stream.ts';

/** Published ports. They live in the daemon, who adds them again after its restart. */
export interface Proxies {
  /**
   * Listens before it returns; a device of the same name is replaced. Nothing is left after an
   * error.
   */
  add(initPid: number, proxy: ProxySpec): Promise<void>;
  /** A device that is not there is fine. */
  remove(instance: string, device: string): void;
  /** Removes those of machines that are not in the list. */
  keepOnly(instances: readonly string[]): void;
  closeAll(): void;
}

interface Entry {
  readonly instance: string;
  readonly parts: readonly Disposable[];
}

/** `onError` is told of connections that fail; the port stays published. */
export function makeProxies(
  inside: { readonly thread: NetnsThread; readonly openFiles: OpenMachineFiles },
  onError: (proxy: ProxySpec, error: unknown) => void,
): Proxies {
  const entries = new Map<string, Entry>();
  const close = (key: string): void => {
    for (const part of entries.get(key)?.parts ?? []) part[Symbol.dispose]();
    entries.delete(key);
  };
  return {
    async add(initPid, proxy) {
      const key = keyOf(proxy.instance, proxy.device);
      close(key);
      const machine = openMachineSide(initPid, inside);
      const parts: Disposable[] = [machine];
      const [listenSide, connectSide] =
        proxy.bind === 'host' ? [hostSide, machine] : [machine, hostSide];
      try {
        for (const { listenAt, connectTo } of pairs(proxy)) {
          const common = {
            listenSide,
            connectSide,
            mode: proxy.mode,
            onError: (error: unknown) => {
              onError(proxy, error);
            },
          };
          parts.push(
            listenAt.kind === 'udp' && connectTo.kind === 'udp'
              ? await openDatagramProxy({ ...common, listenAt, connectTo })
              : await openStreamProxy({
                  ...common,
                  listenAt: stream(listenAt),
                  connectTo: stream(connectTo),
                }),
          );
        }
      } catch (error) {
        for (const part of parts) part[Symbol.dispose]();
        throw error;
      }
      entries.set(key, { instance: proxy.instance, parts });
    },
    remove: (instance, device) => {
      close(keyOf(instance, device));
    },
    keepOnly: (instances) => {
      for (const [key, { instance }] of [...entries]) if (!instances.includes(instance)) close(key);
    },
    closeAll: () => {
      for (const key of [...entries.keys()]) close(key);
    },
  };
}

type Target = StreamTarget | DatagramTarget;

/** What each listening port is connected to: one port for all, or one for each. */
function pairs({ listen, connect }: ProxySpec): { listenAt: Target; connectTo: Target }[] {
  const targets = split(connect);
  return split(listen).map((listenAt, index) => {
    const connectTo = targets.length === 1 ? targets[0] : targets[index];
    if (connectTo === undefined) {
      const problem = 'wanted one port to connect to, or as many as listen';
      throw new WarrenError('invalid', {
        what: 'publish ports',
        issues: [{ path: 'connect', problem }],
      });
    }
    return { listenAt, connectTo };
  });
}

function split(address: ProxyAddress): Target[] {
  if (address.kind === 'unix') return [address];
  const { kind, host, ports } = address;
  return ports.map((port) => ({ kind, host, port }));
}

function stream(target: Target): StreamTarget {
  if (target.kind !== 'udp') return target;
  const problem = 'udp can only be relayed to udp';
  throw new WarrenError('invalid', {
    what: 'publish ports',
    issues: [{ path: 'connect', problem }],
  });
}

function keyOf(instance: string, device: string): string {
  return `${instance}/${device}`;
}
