import { refuseRealRoot } from '../client/real-root.ts';
import { createContext } from './create-context.ts';
import { parseArguments } from './parse.ts';
import { loadCommand } from './registry.ts';
import { formatAnswer, type Format } from './render/format.ts';
import { writeTo } from './write.ts';

import type { Look } from './render/look.ts';

/** Runs one command and resolves with the exit code. Throws what it failed with. */
export async function runCommand(
  name: string,
  words: readonly string[],
  binDir: string,
  ownLook: Look,
): Promise<number> {
  const command = await loadCommand(name);
  const args = parseArguments(command, words);
  if (args['help'] === true) {
    const { formatHelp } = await import('./help.ts');
    await writeTo(1, formatHelp(command, ownLook));
    return 0;
  }
  if (command.needsUser !== false) refuseRealRoot();
  const project = args['project'] as string | undefined;
  const look = { ...ownLook, project };
  const { context, close } = createContext({
    binDir,
    quiet: args['quiet'] === true,
    debug: args['debug'] === true,
    project,
  });
  try {
    const data = await command.run(context, args);
    context.progress.stop();
    const format = (args['format'] as Format | undefined) ?? 'table';
    const text = await formatAnswer(format, data, () => command.render?.(data, look, args), look);
    if (text !== '') await writeTo(1, text);
    return context.exitCode;
  } finally {
    await close();
  }
}
