import { nearestName } from '../../base/text.ts';
import { defineCommand } from '../command.ts';
import { formatGroup, formatHelp, formatOverview } from '../help.ts';
import { findCommand, loadCommand } from '../registry.ts';
import { formatTopic, topics } from '../topics.ts';
import { UsageError } from '../usage-error.ts';

export const help = defineCommand({
  name: 'help',
  summary: 'Explain a command or a topic',
  examples: [
    { line: 'warren help profiles', does: 'how profiles are merged' },
    { line: 'warren help config device add', does: 'a command, as with --help' },
  ],
  positionals: {
    words: {
      kind: 'many',
      summary: `A command, or one of ${Object.keys(topics).join(', ')}`,
      complete: 'topic',
    },
  },
  options: {},
  next: 'warren --help',
  needsUser: false,
  async run(_context, { words }) {
    const plainLook = { color: false, width: undefined, now: 0 };
    const [first] = words;
    if (first === undefined) return await formatOverview(plainLook);
    const topic = words.length === 1 ? topics[first] : undefined;
    if (topic !== undefined) return await formatTopic(topic);
    try {
      const found = findCommand(words);
      return found.kind === 'group'
        ? await formatGroup(found.name, plainLook)
        : formatHelp(await loadCommand(found.name), plainLook);
    } catch (error) {
      const near = nearestName(first, Object.keys(topics));
      if (near === undefined) throw error;
      throw new UsageError(
        `Cannot find topic "${first}"; the nearest is "${near}"`,
        `warren help ${near}`,
      );
    }
  },
  render: (text) => ({ text }),
});
