/** Where the lxcfs service of a distribution mounts its file system. */
export const lxcfsMountPoint = '/var/lib/lxcfs';

/** One line of /proc/PID/mountinfo (`man 5 proc_pid_mountinfo`). */
export interface MountEntry {
  readonly mountId: number;
  readonly parentId: number;
  /** `major:minor`. */
  readonly device: string;
  /** Which directory of the file system is the root of this mount. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** `shared:N`, `master:N`, `propagate_from:N`, `unbindable`. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Parses mountinfo. Lines that are no mount entries are left out. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split('\n').flatMap((line) => {
    const entry = parseLine(line);
    return entry === undefined ? [] : [entry];
  });
}

function parseLine(line: string): MountEntry | undefined {
  const words = line.split(' ');
  // The propagation fields between the options and the lone dash vary in number.
  const dash = words.indexOf('-', 6);
  const [mountId, parentId, device, root, mountPoint, options] = words;
  const [type, source, superOptions] = words.slice(dash + 1);
  if (dash < 6 || device === undefined || root === undefined || mountPoint === undefined) {
    return undefined;
  }
  if (type === undefined || source === undefined) return undefined;
  return {
    mountId: Number(mountId),
    parentId: Number(parentId),
    device,
    root: unescapeMount(root),
    mountPoint: unescapeMount(mountPoint),
    options: (options ?? '').split(','),
    propagation: words.slice(6, dash),
    type,
    source: unescapeMount(source),
    superOptions: (superOptions ?? '').split(','),
  };
}

/**
 * Undoes the kernel's escapes of space, tab, line break, backslash and hash (`\040`). Bytes that
 * are not UTF-8 have been lost in reading the text already.
 */
export function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
