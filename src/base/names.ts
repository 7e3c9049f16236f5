/**
 * Machine names are host names (RFC 1123 labels, as LXD wants them): 1–63 of letters, digits and
 * dashes, not beginning with a digit or dash and not ending with a dash.
 */
export function isInstanceName(name: string): boolean {
  return /^[a-zA-Z](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/.test(name);
}

/**
 * Projects: 1–24 of letters, digits and dashes, so that machine names stay short enough for paths.
 */
export function isProjectName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9-]{0,23}$/.test(name);
}

/**
 * The name under which the engine, the kernel and the file system know a machine: its own one, and
 * `PROJECT_NAME` for one of another project than `default`. Host names have no underscore.
 */
export function isMachineName(name: string): boolean {
  const [one = '', other, ...more] = name.split('_');
  if (other === undefined) return isInstanceName(one);
  return isProjectName(one) && one !== 'default' && isInstanceName(other) && more.length === 0;
}

/**
 * The engine's name of the machine that a project calls `name`. An invalid name gives an invalid
 * one.
 */
export function machineName(project: string, name: string): string {
  if (project !== 'default') return `${project}_${name}`;
  return name.includes('_') ? `_${name}` : name;
}

/** The name that its project has for a machine, given as the engine knows it; its host name. */
export function ownNameOf(machine: string): string {
  return machine.slice(machine.indexOf('_') + 1);
}

/** The project of a machine, given as the engine knows it. */
export function projectOf(machine: string): string {
  const at = machine.indexOf('_');
  return at === -1 ? 'default' : machine.slice(0, at);
}

/**
 * The name under which the engine knows what a project other than `default` has of its own besides
 * machines, its profiles: `PROJECT/NAME`. No such name has a slash itself: one that has names
 * nothing.
 */
export function nameIn(project: string, name: string): string {
  if (project !== 'default') return `${project}/${name}`;
  return name.includes('/') ? `/${name}` : name;
}

/** The name that the project has for what `nameIn` named. */
export function nameWithout(named: string): string {
  return named.slice(named.indexOf('/') + 1);
}

/** The project of what `nameIn` named. */
export function projectWith(named: string): string {
  const at = named.indexOf('/');
  return at === -1 ? 'default' : named.slice(0, at);
}

/** Profiles, snapshots, networks, devices: 1–63 of letters, digits and `._-`, never `.` or `..`. */
export function isObjectName(name: string): boolean {
  return /^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,62}$/.test(name);
}

/** A whole image fingerprint: 64 lower-case hexadecimal digits (sha256). */
export function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
