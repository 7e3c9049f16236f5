import type { Context } from './context.ts';
import type { Look } from './render/look.ts';
import type { Table } from './render/table.ts';

/** Where completion takes candidates from. */
export type Completer =
  | 'instance'
  | 'running-instance'
  | 'stopped-instance'
  | 'snapshot'
  | 'snapshots'
  | 'instance-path'
  | 'image'
  | 'profile'
  | 'network'
  | 'project'
  | 'storage'
  | 'volume'
  | 'pool-volume'
  | 'operation'
  | 'warning'
  | 'alias'
  | `${'instance' | 'profile' | 'network' | 'pool' | 'project'}-${'key' | 'pair'}`
  | 'device'
  | 'attached-device'
  | 'template'
  | 'topic'
  | 'file'
  | readonly string[];

/**
 * A word of the command line that is no option. `rest` takes everything after it as it is, options
 * included: the command of `exec`.
 */
export interface Positional {
  readonly kind: 'required' | 'optional' | 'some' | 'many' | 'rest';
  /** What stands for it in help, where that is not its own name: `KEY=VALUE`. */
  readonly label?: string;
  readonly summary: string;
  readonly complete?: Completer;
}

export interface OptionRow {
  readonly kind: 'flag' | 'text' | 'number' | 'list';
  /** One letter. */
  readonly alias?: string;
  /** What stands for the value in help: `KEY=VALUE`. */
  readonly value?: string;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly complete?: Completer;
  /** Accepted and completed by nobody: spellings that people bring from other programs. */
  readonly hidden?: boolean;
}

export type Positionals = Readonly<Record<string, Positional>>;
export type OptionRows = Readonly<Record<string, OptionRow>>;

type PositionalValue<Kind> = Kind extends 'required'
  ? string
  : Kind extends 'optional'
    ? string | undefined
    : readonly string[];
type OptionValue<Kind> = Kind extends 'flag'
  ? boolean
  : Kind extends 'text'
    ? string | undefined
    : Kind extends 'number'
      ? number | undefined
      : readonly string[];

/** Parsed words and options by name. */
export type Args<P extends Positionals, O extends OptionRows> = {
  readonly [Name in keyof P]: PositionalValue<P[Name]['kind']>;
} & { readonly [Name in keyof O]: OptionValue<O[Name]['kind']> };

/**
 * Whether a program reads the answer, which wants all of it. `args` are a command's, with the
 * global ones.
 */
export function isForPrograms(args: object): boolean {
  const { format } = args as { readonly format?: string };
  return format === 'json' || format === 'yaml';
}

/** What a person is shown. Nothing at all when undefined. */
export type View =
  | { readonly table: Table }
  | { readonly text: string }
  /** An object that has no form but its own. */
  | { readonly yaml: unknown };

/** A line of help that also runs in a test. */
export interface Example {
  readonly line: string;
  readonly does: string;
}

export interface Command<
  P extends Positionals = Positionals,
  O extends OptionRows = OptionRows,
  Data = unknown,
> {
  /** Its words: `config device add`. */
  readonly name: string;
  /** One sentence without a full stop. */
  readonly summary: string;
  /** Anything more that a person must know before the first use. */
  readonly details?: string;
  readonly examples: readonly [Example, ...Example[]];
  readonly positionals: P;
  /** Most used first. */
  readonly options: O;
  /** The command that people type next. */
  readonly next?: string;
  /** False for commands that may run as root: they touch no state. */
  readonly needsUser?: boolean;
  /**
   * Does it and returns the answer; prints nothing. An exit code other than 0 goes to
   * `context.exitCode`.
   */
  run(context: Context, args: Args<P, O>): Promise<Data>;
  render?(data: Data, look: Look, args: Args<P, O>): View | undefined;
}

/** A command whose types only its own file knows. */
export interface AnyCommand extends Omit<Command, 'run' | 'render'> {
  run(context: Context, args: Readonly<Record<string, unknown>>): Promise<unknown>;
  render?(data: unknown, look: Look, args: Readonly<Record<string, unknown>>): View | undefined;
}

/** States a command; its `run` and `render` get arguments typed by its tables. */
export function defineCommand<const P extends Positionals, const O extends OptionRows, Data>(
  command: Command<P, O, Data>,
): AnyCommand {
  return command;
}
