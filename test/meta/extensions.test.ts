import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { extensions } from '../../src/daemon/extensions.ts';

/** Every name that is advertised, and the test in which its feature is used. */
const claims: Readonly<Record<string, string>> = {
  api_filtering: 'launch makes and starts one, and list shows it with its address',
  backup_compression_algorithm: 'are made, listed, renamed, fetched and removed as LXD does it',
  backup_override_name: 'export and import carry a machine over, with its snapshots',
  console: 'console attaches to a terminal, detaches with ctrl-a q and shows its log',
  container_backup: 'export and import carry a machine over, with its snapshots',
  container_backup_override_pool: 'makes the machine with its configuration and snapshots',
  container_copy_project: 'copy and move take machines from one project to another',
  container_edit_metadata: 'config metadata and template change what a machine has of its image',
  container_exec_recording: 'runs without a client and records output where it can be fetched',
  container_exec_signal_handling: 'exec passes signals of the client on',
  container_exec_user_group_cwd: 'exec has user, group, directory and environment as asked',
  container_full: 'launch makes and starts one, and list shows it with its address',
  container_incremental_copy: 'copy --refresh brings an older copy up to date',
  container_last_used_at: 'list knows when a machine ran last, and machines of all projects',
  container_only_migration: 'snapshot, restore and copy from a snapshot bring files back',
  custom_volume_backup: 'storage volume export and import carry one over, with its snapshots',
  directory_manipulation: 'file push, pull, edit and delete carry files, trees, links and modes',
  etag: 'config edit in an editor is refused when the machine changed meanwhile',
  event_lifecycle: 'monitor shows life cycle events as they come',
  file_append: 'keep their mode when overwritten, and can be appended to',
  file_delete: 'file push, pull, edit and delete carry files, trees, links and modes',
  file_get_symlink: 'file push, pull, edit and delete carry files, trees, links and modes',
  file_symlinks: 'file push, pull, edit and delete carry files, trees, links and modes',
  image_compression_algorithm:
    'publish packs as it is told, else as the project or the server says',
  image_force_refresh: 'image refresh builds one anew, which takes over its aliases',
  image_types: 'image list, info and show tell of an image by alias and by fingerprint',
  instance_all_projects: 'list knows when a machine ran last, and machines of all projects',
  instance_bulk_state_change: 'stop, start, restart and pause change its state, several at once',
  instance_create_start:
    'starts in the same operation when asked, and passes on what that start has to say',
  instance_get_full: 'info tells of a machine, and of the server',
  instance_project_move: 'copy and move take machines from one project to another',
  instance_nic_network: 'network lists, makes, changes and removes bridges, and tells their leases',
  instances: 'launch makes and starts one, and list shows it with its address',
  metadata_configuration: 'lists its config keys',
  metrics: 'query reads and changes anything, and waits',
  network: 'network lists, makes, changes and removes bridges, and tells their leases',
  network_leases: 'network lists, makes, changes and removes bridges, and tells their leases',
  network_state: 'network lists, makes, changes and removes bridges, and tells their leases',
  operation_description: 'operation and warning list what goes on',
  patch: 'query reads and changes anything, and waits',
  profile_usedby: 'profile makes profiles that change the machines that have them',
  project_usage: 'project create, show, set, edit, rename and delete',
  projects_compression: 'publish packs as it is told, else as the project or the server says',
  projects_images_auto_update:
    'how often newer images are looked for, a project or the server says',
  projects_images_remote_cache_expiry:
    'what was fetched for a launch goes when nobody used it for the days that a project or the server says',
  projects: 'machines of one project are none of another’s, also by the same name',
  resources: 'info tells of a machine, and of the server',
  resources_v2: 'info tells of a machine, and of the server',
  snapshot_expiry: 'the end of a snapshot can be set, moved and taken away',
  snapshot_expiry_creation: 'snapshot, restore and copy from a snapshot bring files back',
  snapshot_schedule_aliases: 'a start takes the snapshot that @startup wants',
  snapshot_scheduling:
    'a schedule is for its minute, and for a stopped machine only when that is asked for',
  storage: 'storage shows the pool, and has a description and notes of it changed',
  storage_api_local_volume_handling:
    'storage volume snapshot, restore and copy keep what was, also beside a machine',
  storage_api_project: 'storage volumes of a project are its own where it has that feature',
  storage_api_volume_rename: 'storage volume create, list, show, info, set, edit and rename',
  storage_api_volume_snapshots:
    'storage volume snapshot, restore and copy keep what was, also beside a machine',
  storage_volume_state: 'storage volume create, list, show, info, set, edit and rename',
  warnings: 'operation and warning list what goes on',
};

test('every extension that is advertised is used by a test, and no other is claimed', () => {
  expect(Object.keys(claims).sort()).toEqual([...extensions].sort());
  const root = join(import.meta.dirname, '..');
  const titles = ['conformance', 'integration']
    .flatMap((tier) => readdirSync(join(root, tier)).map((name) => join(root, tier, name)))
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => readFileSync(path, 'utf8'))
    .flatMap((text) => [...text.matchAll(/^ *test\(\s*'((?:[^'\\]|\\.)+)'/gm)])
    .map(([, title = '']) => title);
  for (const [name, title] of Object.entries(claims)) expect(titles, name).toContain(title);
});
