/** What `warren-host doctor [TOPIC] --format json` prints, and `warren doctor` renders. */
export interface DoctorReport {
  readonly checks: readonly DoctorCheck[];
  /** Whether machines can run here; warren-host exits with 0 exactly then. */
  readonly canRun: boolean;
}

export interface DoctorCheck {
  readonly name: DoctorTopic;
  /** `missing` with `vital` means that no machine can run. */
  readonly level: 'ok' | 'warning' | 'missing';
  readonly vital: boolean;
  /** What was found: one line. */
  readonly summary: string;
  /** What the administrator or user types or writes to mend it; may have several lines. */
  readonly remedy?: string;
}

/** The checks, in the order in which they are printed; each is a topic of its own. */
export const doctorTopics = [
  'kernel',
  'userns',
  'idmap',
  'subids',
  'crun',
  'overlay',
  'network',
  'tun',
  'images',
  'cgroup',
  'limits',
  'lxcfs',
  'fuse',
  'storage',
  'systemd',
  'policy',
] as const;
export type DoctorTopic = (typeof doctorTopics)[number];
