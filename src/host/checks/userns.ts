import { isWarrenError } from '../../contract/errors.ts';
import { run } from '../../sys/programs/run.ts';
import { explainUnshare, readUsernsSettings } from '../../userns/explain.ts';
import { fatal, findProgram, ok, type Check } from './check.ts';

/**
 * Allows user namespaces to unshare(1), which warren makes its own with. It is the exact path that
 * counts, so no other program gains anything.
 */
function appArmorProfile(unshare: string): string {
  return [
    'sudo tee /etc/apparmor.d/warren-unshare <<EOF',
    'abi <abi/4.0>,',
    'include <tunables/global>',
    `profile warren-unshare ${unshare} flags=(unconfined) {`,
    '  userns,',
    '  include if exists <local/warren-unshare>',
    '}',
    'EOF',
    'sudo apparmor_parser --replace /etc/apparmor.d/warren-unshare',
  ].join('\n');
}

/** Whether an ordinary user may make a user and a mount namespace: by making them. */
export const checkUserns: Check = async () => {
  try {
    await run('unshare', ['--user', '--mount', '--map-root-user', 'true'], {
      what: 'make a user namespace',
      timeoutMs: 15_000,
    });
    return ok('user namespaces');
  } catch (error) {
    if (!isWarrenError(error, 'program_failed')) throw error;
    const settings = await readUsernsSettings();
    const explained = explainUnshare(settings, error.details.output);
    const remedy =
      settings.appArmor === '1'
        ? appArmorProfile(findProgram('unshare') ?? '/usr/bin/unshare')
        : (explained.hint ?? '');
    return fatal(explained.message, remedy);
  }
};
