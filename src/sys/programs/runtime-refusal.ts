import { WarrenError } from '../../contract/errors.ts';

/**
 * `host_lacks` when the OCI runtime would start nothing on this host, by what it wrote. crun takes
 * cgroup v1 with v2 beside it for v1, and gives up where v2 has controllers all the same; a cgroup
 * of the user's own hides that (`src/setup/ground.sh`), until the host is restarted.
 */
export function runtimeRefusal(what: string, output: string): WarrenError | undefined {
  if (!output.includes('cgroups in hybrid mode not supported')) return undefined;
  return new WarrenError('host_lacks', {
    what,
    found: 'cgroup v1 is mounted with controllers of v2 beside it, where crun starts nothing',
    wanted: 'a cgroup of your own',
    hint: 'warren doctor cgroup',
  });
}
