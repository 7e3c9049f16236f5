import { randomInt } from 'node:crypto';

import { isMachineName, machineName, ownNameOf } from '../../base/names.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';

const firsts =
  'amber brave bright calm clever cosy eager early fair fleet fond gentle glad golden grand happy humble jolly keen kind light lively lucky mellow merry mild modest neat nimble noble proud quick quiet ready rosy silver smooth snug steady sunny sweet swift tidy true warm wise witty young'.split(
    ' ',
  );
const seconds =
  'badger beaver bunny cricket deer dove ermine fawn ferret finch fox frog gecko hare hazel hedgehog heron jackdaw kestrel lark leveret linnet lynx marten mole mouse newt otter owl pika pine plover quail rabbit raven robin shrew sparrow squirrel stoat swallow swift thrush toad vole weasel willow wren'.split(
    ' ',
  );

/**
 * A free machine name of two words in a project, for a request that gives none. Not reserved until
 * it is used.
 */
export function chooseInstanceName(deps: Pick<EngineDeps, 'store'>, project: string): string {
  for (let attempt = 0; ; attempt++) {
    const words = `${firsts[randomInt(firsts.length)] ?? 'warm'}-${seconds[randomInt(seconds.length)] ?? 'hare'}`;
    const name = attempt < 20 ? words : `${words}-${randomInt(1_000_000)}`;
    const machine = machineName(project, name);
    if (deps.store.instances.find(machine) === undefined) return machine;
  }
}

/** Throws `invalid`. */
export function checkInstanceName(what: string, name: string): void {
  if (isMachineName(name)) return;
  const shown = JSON.stringify(ownNameOf(name).slice(0, 80));
  throw new WarrenError('invalid', {
    what,
    issues: [
      {
        path: 'name',
        problem: `${shown} is no host name, wanted 1 to 63 letters, digits and dashes that begin with a letter and do not end with a dash`,
      },
    ],
  });
}
