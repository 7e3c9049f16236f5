/** One release of a distribution that mmdebstrap can install. */
export interface Suite {
  readonly distribution: 'debian' | 'ubuntu';
  /** `12`, `24.04`; undefined for a suite that is never released. */
  readonly release: string | undefined;
  readonly codename: string;
  /**
   * How /bin and the like become links into /usr: `package` by usr-is-merged over links made
   * first, `links` by the links alone, `native` by base-files itself.
   */
  readonly merge: 'package' | 'links' | 'native';
  /** systemd-resolved is a package of its own. */
  readonly hasResolvedPackage: boolean;
  /** `SUITE-updates` and `SUITE-security` exist. */
  readonly hasUpdates: boolean;
}

function debian(
  release: string | undefined,
  codename: string,
  rest: Pick<Suite, 'merge'> & Partial<Suite>,
): Suite {
  const { merge, hasResolvedPackage = true, hasUpdates = true } = rest;
  return { distribution: 'debian', release, codename, merge, hasResolvedPackage, hasUpdates };
}

function ubuntu(
  release: string,
  codename: string,
  rest: Pick<Suite, 'merge' | 'hasResolvedPackage'>,
): Suite {
  return { distribution: 'ubuntu', release, codename, hasUpdates: true, ...rest };
}

/** Newest first, so that what a person wants stands on top of lists. */
export const suites: readonly Suite[] = [
  debian('13', 'trixie', { merge: 'native' }),
  debian('12', 'bookworm', { merge: 'package' }),
  debian('11', 'bullseye', { merge: 'links', hasResolvedPackage: false }),
  debian('14', 'forky', { merge: 'native' }),
  debian(undefined, 'sid', { merge: 'native', hasUpdates: false }),
  ubuntu('26.04', 'resolute', { merge: 'native', hasResolvedPackage: true }),
  ubuntu('25.10', 'questing', { merge: 'native', hasResolvedPackage: true }),
  ubuntu('24.04', 'noble', { merge: 'native', hasResolvedPackage: true }),
  ubuntu('22.04', 'jammy', { merge: 'links', hasResolvedPackage: false }),
];
