import { hostError, runHost } from '../../client/daemon-start.ts';
import { doctorTopics, type DoctorReport } from '../../contract/doctor.ts';
import { defineCommand } from '../command.ts';
import { formatReport } from '../render/doctor-report.ts';

export const doctor = defineCommand({
  name: 'doctor',
  summary: 'Check that this host can run machines, and say how to mend what it lacks',
  details: 'Exit code 12 when machines cannot run here.',
  examples: [
    { line: 'warren doctor', does: 'every check' },
    { line: 'warren doctor cgroup', does: 'one topic' },
  ],
  positionals: {
    topic: {
      kind: 'optional',
      summary: `One of ${doctorTopics.join(', ')}`,
      complete: doctorTopics,
    },
  },
  options: {},
  next: 'warren launch debian/12 web',
  async run(context, { topic }) {
    const { host, progress, paths } = context;
    progress.start('Checking this host');
    const words = ['doctor', ...(topic === undefined ? [] : [topic]), '--format', 'json'];
    const result = await runHost(host, words);
    const report = parseReport(result.stdout);
    if (report === undefined) throw hostError(result, paths.socket);
    if (!report.canRun) context.exitCode = 12;
    return report;
  },
  render: (report, look) => ({ text: formatReport(report, look) }),
});

function parseReport(text: string): DoctorReport | undefined {
  try {
    return JSON.parse(text) as DoctorReport;
  } catch {
    return undefined;
  }
}
