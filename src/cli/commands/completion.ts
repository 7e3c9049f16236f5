import { Client } from '../../client/client.ts';
import { Transport } from '../../client/transport.ts';
import { findCandidates, projectIn } from '../completion/candidates.ts';
import { scripts } from '../completion/scripts.ts';
import { defineCommand } from '../command.ts';
import { readCurrentProject } from '../current-project.ts';
import { plain } from '../render/look.ts';
import { UsageError } from '../usage-error.ts';

export const completion = defineCommand({
  name: 'completion',
  summary: 'Print a script that completes commands and names in your shell',
  examples: [
    { line: 'warren completion bash', does: 'source <(warren completion bash)' },
    { line: 'warren completion zsh', does: 'as _warren in a directory of $fpath' },
    { line: 'warren completion fish', does: 'warren completion fish | source' },
  ],
  positionals: {
    shell: { kind: 'required', summary: 'bash, zsh or fish', complete: ['bash', 'zsh', 'fish'] },
    words: { kind: 'rest', summary: 'For the scripts: the words so far' },
  },
  options: {},
  next: 'warren --help',
  needsUser: false,
  async run(context, { shell, words }): Promise<string> {
    if (shell === 'candidates') {
      // Pressing tab must not start a daemon.
      const { paths, env } = context;
      const project = projectIn(words) ?? readCurrentProject(paths, env);
      const transport = new Transport({ socket: paths.socket, project });
      const client = new Client({ transport });
      try {
        const found = await findCandidates({ ...context, client }, words);
        return found.map(({ value, about = '' }) => `${plain(value)}\t${plain(about)}`).join('\n');
      } catch {
        return '';
      } finally {
        transport.close();
      }
    }
    if (shell !== 'bash' && shell !== 'zsh' && shell !== 'fish') {
      throw new UsageError(`Cannot complete for "${shell}": wanted bash, zsh or fish`);
    }
    return scripts[shell];
  },
  render: (text) => ({ text }),
});
