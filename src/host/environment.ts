import { programEnvironment } from '../sys/programs/environment.ts';
import type { Paths } from '../contract/paths.ts';
import type { Environment, User } from './account.ts';

/** What of the user's environment the keeper, and with it the daemon, may know. */
const handedOn = [
  'LANG',
  'TZ',
  'DBUS_SESSION_BUS_ADDRESS',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
];

/** The part of the caller's environment that is meant for the keeper: the list, and WARREN_…. */
export function handedOnEnvironment(env: Environment): Record<string, string> {
  const names = [...handedOn, ...Object.keys(env).filter((name) => name.startsWith('WARREN_'))];
  const chosen: Record<string, string> = {};
  for (const name of names) {
    const value = env[name];
    if (value !== undefined) chosen[name] = value;
  }
  return chosen;
}

/**
 * The whole environment of the keeper. Whoever calls first must not decide by chance how machines
 * run, so nothing else of the caller's is in it.
 */
export function keeperEnvironment(
  env: Environment,
  user: User,
  paths: Paths,
  cgroupDir: string | undefined,
): Record<string, string> {
  const runtimeDir = env['XDG_RUNTIME_DIR'] ?? user.runUserDir;
  return programEnvironment({
    ...handedOnEnvironment(env),
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    ...(runtimeDir === undefined ? {} : { XDG_RUNTIME_DIR: runtimeDir }),
    WARREN_RUNTIME_DIR: paths.runtimeDir,
    WARREN_DATA_DIR: paths.dataDir,
    ...(cgroupDir === undefined ? {} : { WARREN_CGROUP_DIR: cgroupDir }),
  });
}
