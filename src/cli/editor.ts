import { fstatSync, readFileSync, readSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';

import { WarrenError } from '../contract/errors.ts';
import { readText } from '../client/transport.ts';
import { typeOfInput } from './input.ts';
import { formatYaml } from './render/format.ts';
import { UsageError } from './usage-error.ts';

import type { Context } from './context.ts';
import type { Readable } from 'node:stream';

/** A file that is longer describes no machine. */
const maxRedirectedBytes = 1024 * 1024;

/** One YAML document; an empty one is `null`. Throws `UsageError` with the place of the mistake. */
export async function parseYaml(text: string, what: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(text) as unknown;
  } catch (error) {
    // Its first line ends with a colon, and the text itself follows.
    const message = ((error as Error).message.split('\n')[0] ?? '').replace(/:$/, '');
    throw new UsageError(`Cannot read ${what}: ${message}`);
  }
}

async function readYaml(input: Readable): Promise<unknown> {
  return await parseYaml(await readText(input), 'standard input');
}

/**
 * The object that was redirected in, as in `warren launch IMAGE NAME < machine.yaml`. Only a
 * regular file is looked at, for a pipe may never end, and it is left unread: in a loop it is the
 * list of names, which is no object.
 */
export async function readRedirectedYaml(context: Context): Promise<object | undefined> {
  if (context.stdin.isTTY === true || typeOfInput()?.isFile() !== true) return undefined;
  return objectOf(await parseYaml(peekInput(), 'standard input'));
}

/**
 * The same for a command that would make an empty object without it: a pipe or a here document is
 * read as well. Throws `UsageError` for what is no object.
 */
export async function readGivenYaml(context: Context): Promise<object | undefined> {
  const value = await parseYaml((await readGiven(context)) ?? '', 'standard input');
  const object = objectOf(value);
  if (object !== undefined || value === undefined || value === null) return object;
  throw new UsageError(
    'Cannot use what is on standard input: wanted YAML with keys, or nothing',
    'the same command with </dev/null',
  );
}

function objectOf(value: unknown): object | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

/** What is left of the file on standard input, whose offset stays where it is. */
function peekInput(): string {
  const offset = Number(/^pos:\s*(\d+)/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1]);
  const left = fstatSync(0).size - offset;
  if (!(left > 0 && left <= maxRedirectedBytes)) return '';
  const rest = Buffer.alloc(left);
  return rest.toString('utf8', 0, readSync(0, rest, 0, left, offset));
}

/**
 * The same for a command whose object is nothing but that text: a pipe is read as well. Undefined
 * for a terminal and for a device such as /dev/null.
 */
export async function readGiven({ stdin }: Context): Promise<string | undefined> {
  const type = stdin.isTTY === true ? undefined : typeOfInput();
  const isGiven = type !== undefined && (type.isFile() || type.isFIFO() || type.isSocket());
  return isGiven ? await readText(stdin) : undefined;
}

/**
 * Has a person edit `text` in $VISUAL or $EDITOR; resolves with the new text, or undefined when it
 * was left as it was.
 */
export async function editText(
  context: Context,
  text: string | Uint8Array,
  suffix: string,
): Promise<Buffer | undefined> {
  if (!context.terminal.isInteractive) {
    throw new UsageError(
      'Cannot open an editor: this is no terminal; give the text on standard input',
    );
  }
  // A fresh 0700 directory, so that nobody else can read or replace it.
  const directory = await mkdtemp(`${tmpdir()}/warren-edit-`);
  const path = `${directory}/text${suffix}`;
  try {
    await writeFile(path, text, { mode: 0o600 });
    await runEditor(context, path);
    const edited = await readFile(path);
    return edited.equals(Buffer.from(text)) ? undefined : edited;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runEditor({ env, interrupts }: Context, path: string): Promise<void> {
  const words = [env['VISUAL'], env['EDITOR']].find((value) => value !== undefined && value !== '');
  const [program = 'vi', ...args] = (words ?? 'vi').split(/\s+/);
  const { spawn } = await import('node:child_process');
  // Ctrl-c is the editor's: most do not end of it, and then our text must still be there.
  const restore = interrupts.override(() => undefined);
  const ended = new Promise<void>((resolve, reject) => {
    const child = spawn(program, [...args, path], { stdio: 'inherit' });
    const failed = (outcome: string): void => {
      const what = 'edit this';
      const hint = 'EDITOR=nano warren …';
      reject(new WarrenError('program_failed', { what, program, outcome, output: '', hint }));
    };
    child.once('error', () => {
      failed('is not installed; $EDITOR names another one');
    });
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else failed(code === null ? 'was ended by a signal' : `exited with ${code}`);
    });
  });
  await ended.finally(restore);
}

/**
 * Lets a person edit an object as YAML, or reads the whole of it from standard input when that is
 * no terminal. `apply` gets it; when it refuses, the person may correct it. Resolves false when
 * nothing was changed.
 */
export async function editObject(
  context: Context,
  object: object,
  heading: string,
  apply: (edited: unknown, fromEditor: boolean) => Promise<void>,
): Promise<boolean> {
  if (!context.terminal.isInteractive) {
    await apply(await readYaml(context.stdin), false);
    return true;
  }
  let text = `${heading}\n${await formatYaml(object)}`;
  for (;;) {
    const edited = await editText(context, text, '.yaml');
    if (edited === undefined) return false;
    text = edited.toString('utf8');
    try {
      await apply(await parseYaml(text, 'what you wrote'), true);
      return true;
    } catch (error) {
      context.stderr.write(`error: ${(error as Error).message}\n`);
      if (!(await confirm(context, 'Press enter to edit it again, ctrl-c to leave it')))
        throw error;
    }
  }
}

/** Waits for a line; false when input ends instead. */
async function confirm(context: Context, question: string): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input: context.stdin, output: context.stderr });
  try {
    await lines.question(`${question} `);
    return true;
  } catch {
    return false;
  } finally {
    lines.close();
  }
}
