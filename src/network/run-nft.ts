import { run } from '../sys/programs/run.ts';

/** Has nft work off commands in the switch, all or none. Answers what it prints. */
export async function runNft(netnsFile: string, commands: string): Promise<string> {
  const { stdout } = await run('nsenter', [`--net=${netnsFile}`, '--', 'nft', '-f', '-'], {
    what: 'set the rules of the network',
    input: commands,
    timeoutMs: 10_000,
  });
  return stdout;
}
