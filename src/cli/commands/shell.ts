import { defineCommand } from '../command.ts';
import { stripRemote } from '../names.ts';
import { runInside } from './exec.ts';

export const shell = defineCommand({
  name: 'shell',
  summary: 'Open a login shell in a machine',
  examples: [
    { line: 'warren shell web', does: 'as root; exit or ctrl-d leaves it' },
    { line: 'warren shell web --user anna', does: 'as a user of the machine' },
  ],
  positionals: {
    instance: { kind: 'required', summary: 'Name of the machine', complete: 'running-instance' },
  },
  options: {
    user: {
      kind: 'text',
      alias: 'u',
      value: 'NAME',
      summary: 'As this user of the machine (root)',
    },
  },
  next: 'warren console NAME',
  async run(context, { instance, user = 'root' }) {
    await runInside(context, stripRemote(instance), loginCommand(user), {
      user: undefined,
      group: undefined,
      cwd: undefined,
      env: [],
      mode: undefined,
      'force-interactive': false,
      'force-noninteractive': false,
      'disable-stdin': false,
    });
    return undefined;
  },
});

/**
 * `su -l`, as lxc's alias does it, sets up a session as a login would. The smallest systems have
 * no su; there root gets a plain login shell. The user's name is an argument, never script.
 */
function loginCommand(user: string): readonly string[] {
  const script =
    'if command -v su >/dev/null 2>&1; then exec su -l "$1"; fi; ' +
    'if [ "$1" = root ]; then exec sh -l; fi; ' +
    'echo "this machine has no su" >&2; exit 127';
  return ['sh', '-c', script, 'login', user];
}
