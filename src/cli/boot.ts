import { setTimeout as sleep } from 'node:timers/promises';

import { apiPath } from '../client/client.ts';
import { isWarrenError, WarrenError } from '../contract/errors.ts';
import { formatDuration } from '../base/units.ts';
import { inProject } from './command-line.ts';
import { paint, paintState, type Look } from './render/look.ts';

import type { Context } from './context.ts';
import type { Instance, InstanceState } from '../contract/api/instances.ts';

/** Longest wait for init to say that it is done, and after that for an address. */
const bootTimeoutMs = 120_000;
const addressTimeoutMs = 10_000;
/** How long the daemon may hold one request until the machine has booted. */
const patienceSeconds = 30;
/**
 * A tiny machine has its address 100 ms after it is up: looking often makes the answer prompt;
 * later it does not.
 */
const lookMs = (waitedMs: number): number => (waitedMs < 2000 ? 25 : 250);

/** Waits until a machine that was started is booted and, if it has a network, has an address. */
export async function waitForBoot(context: Context, instance: Instance): Promise<InstanceState> {
  const { client, progress } = context;
  const path = apiPath('instances', instance.name, 'state');
  const hasNic = Object.values(instance.expanded_devices).some(({ type }) => type === 'nic');
  const started = performance.now();
  let bootedAt: number | undefined;
  for (;;) {
    progress.step({
      stage: bootedAt === undefined ? 'waiting for init' : 'waiting for an address',
    });
    const patience =
      bootedAt === undefined ? { 'wait-for': 'booted', timeout: patienceSeconds } : {};
    const asked = client.get<InstanceState>(path, { disk: 'last', ...patience });
    const state = await asked.catch((error: unknown) => {
      // The daemon ended while it held the request; the next one has the machine too.
      if (!isWarrenError(error, 'daemon_unreachable')) throw error;
      return client.get<InstanceState>(path, { disk: 'last' });
    });
    const now = performance.now();
    if (state.status === 'Stopped' || state.status === 'Error') throw ended(instance.name, state);
    const boot = state.warren?.boot ?? 'booted';
    if (boot !== 'starting') bootedAt ??= now;
    const isReady = !hasNic || findAddress(state, 'inet') !== undefined;
    if (bootedAt !== undefined && isReady) return state;
    if (bootedAt === undefined && now - started > bootTimeoutMs) {
      context.warn(
        `${instance.name} has not said that it is booted; ${inProject(context.project, `warren console ${instance.name}`)}`,
      );
      return state;
    }
    if (bootedAt !== undefined && now - bootedAt > addressTimeoutMs) {
      context.warn(`${instance.name} has no address yet; warren help networks`);
      return state;
    }
    await sleep(lookMs(now - started));
  }
}

function ended(name: string, state: InstanceState): WarrenError {
  const why = state.warren?.last_exit;
  return new WarrenError('wrong_state', {
    name,
    action: 'wait for',
    state: `stopped${why === null || why === undefined ? '' : ` (${why})`}`,
    wanted: 'a machine that stays up',
    hint: `warren console ${name} --show-log`,
  });
}

/** The first global address of a running machine. */
function findAddress(state: InstanceState, family: 'inet' | 'inet6'): string | undefined {
  return addressesOf(state, family)[0];
}

/** Every global address of a running machine. */
export function addressesOf(state: InstanceState, family: 'inet' | 'inet6'): readonly string[] {
  return Object.values(state.network)
    .filter(({ type }) => type !== 'loopback')
    .flatMap(({ addresses }) => addresses)
    .filter((address) => address.family === family && address.scope === 'global')
    .map(({ address }) => address);
}

/** What `list` and `info` call a machine's state: `running`, `degraded`, `stopped`, `frozen`. */
export function stateWord(state: Pick<InstanceState, 'status' | 'warren'>): string {
  const boot = state.warren?.boot;
  if (state.status === 'Running' && (boot === 'degraded' || boot === 'starting')) return boot;
  return state.status.toLowerCase();
}

/** `web is running at 10.77.0.12 (booted in 0.3s)          next: warren shell web`. */
export function formatRunning(name: string, state: InstanceState, look: Look): string {
  const address = findAddress(state, 'inet');
  const bootMs = state.warren?.boot_ms;
  const word = stateWord(state);
  const plainText = [
    `${name} is ${word}`,
    ...(address === undefined ? [] : [`at ${address}`]),
    ...(typeof bootMs === 'number' ? [`(booted in ${formatDuration(bootMs)})`] : []),
  ].join(' ');
  const text = plainText.replace(`is ${word}`, `is ${paintState(look, word)}`);
  const gap = ' '.repeat(Math.max(2, 56 - plainText.length));
  return `${text}${gap}${paint(look, 'dim', `next: ${inProject(look.project, `warren shell ${name}`)}`)}`;
}
