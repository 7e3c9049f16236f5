import { apiPath } from '../../client/client.ts';
import { hostError, runHost } from '../../client/daemon-start.ts';
import { doctorTopics, type DoctorReport } from '../../contract/doctor.ts';
import { defineCommand } from '../command.ts';
import { formatReport } from '../render/doctor-report.ts';
import { formatStorageReport } from '../render/storage-report.ts';
import { UsageError } from '../usage-error.ts';

import type { Context } from '../context.ts';
import type { StorageCheckPost, StorageReport } from '../../contract/api/storage-check.ts';

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'Check that this host can run machines, and say how to mend what it lacks',
  details:
    'Exit code 12 when machines cannot run here, or when --storage finds what is not mended. --repair removes ' +
    'what no machine, snapshot or image stands on, and nothing else.',
  examples: [
    { line: 'warren doctor', does: 'every check' },
    { line: 'warren doctor cgroup', does: 'one topic' },
    { line: 'warren doctor --storage', does: 'what warren keeps on disk, against its database' },
    { line: 'warren doctor --storage --repair', does: 'and removes what was left over' },
  ],
  positionals: {
    topic: {
      kind: 'optional',
      summary: `One of ${doctorTopics.join(', ')}`,
      complete: doctorTopics,
    },
  },
  options: {
    storage: { kind: 'flag', summary: 'Check layers, their references, and directories instead' },
    repair: { kind: 'flag', summary: 'With --storage: mend what can be mended' },
  },
  next: 'warren launch debian/12 web',
  async run(context, { topic, storage, repair }): Promise<DoctorReport | StorageReport> {
    if (storage) {
      if (topic !== undefined) throw new UsageError('--storage takes no topic');
      return await checkStorage(context, repair);
    }
    if (repair) throw new UsageError('--repair is for --storage');
    const { host, progress, paths } = context;
    progress.start('Checking this host');
    const words = ['doctor', ...(topic === undefined ? [] : [topic]), '--format', 'json'];
    const result = await runHost(host, words);
    const report = parseReport(result.stdout);
    if (report === undefined) throw hostError(result, paths.socket);
    if (!report.canRun) context.exitCode = 12;
    return report;
  },
  render: (report, look) => ({
    text: 'checks' in report ? formatReport(report, look) : formatStorageReport(report, look),
  }),
});

async function checkStorage(context: Context, repair: boolean): Promise<StorageReport> {
  const { client, progress } = context;
  progress.start('Checking the storage');
  const body: StorageCheckPost = { repair };
  const { metadata } = await client.operate('POST', apiPath('warren', 'storage-check'), body);
  const report = metadata['report'] as StorageReport;
  if (report.problems.some(({ repaired }) => !repaired)) context.exitCode = 12;
  return report;
}

function parseReport(text: string): DoctorReport | undefined {
  try {
    return JSON.parse(text) as DoctorReport;
  } catch {
    return undefined;
  }
}
