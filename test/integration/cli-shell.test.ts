import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { catalogue } from '../../src/contract/errors.ts';
import { openCommandLine, type CommandLine } from '../helpers/command-line.ts';
import { cli, eventually, runProgram, type CommandResult } from '../helpers/warren.ts';

/* How the program gets on with what is around it: other programs, terminals, shells, signals. */
let line: CommandLine;

beforeAll(async () => {
  line = await openCommandLine();
  for (const name of ['one', 'two']) {
    const result = await line.run([
      'launch',
      'base',
      name,
      '-p',
      'strict',
      '-c',
      'user.note=a,"b"',
    ]);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  }
  // `warren` for shells.
  const bin = join(line.place, 'bin');
  mkdirSync(bin);
  const script = `#!/bin/sh\nexec ${process.execPath} ${cli} "$@"\n`;
  writeFileSync(join(bin, 'warren'), script, { mode: 0o755 });
});
afterAll(async () => {
  await line[Symbol.asyncDispose]();
});

async function ok(...words: readonly string[]): Promise<string> {
  const result = await line.run(words);
  expect(result).toMatchObject({ exitCode: 0, stderr: '' });
  return result.stdout;
}

/** A shell's line with `warren` on its PATH. */
function inShell(
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const [program = '', ...args] = argv;
  const PATH = `${line.place}/bin:${process.env['PATH'] ?? ''}`;
  return runProgram(program, args, { env: { WARREN_DIR: line.daemon.dir, PATH, ...env } });
}

/** On a terminal of its own, which script(1) makes; `keys` are typed there. */
function onTerminal(
  command: string,
  options: { env?: Record<string, string>; keys?: string } = {},
): Promise<CommandResult> {
  const { env = {}, keys = '' } = options;
  const PATH = `${line.place}/bin:${process.env['PATH'] ?? ''}`;
  return runProgram('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { WARREN_DIR: line.daemon.dir, PATH, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    input: keys,
  });
}

describe('a format', () => {
  test('for programs is complete, and JSON and YAML say the same', async () => {
    const json = JSON.parse(await ok('list', '--format', 'json')) as Record<string, unknown>[];
    expect(json.map(({ name, status }) => [name, status])).toEqual([
      ['one', 'Running'],
      ['two', 'Running'],
    ]);
    expect(json[0]).toMatchObject({ config: { 'user.note': 'a,"b"' }, snapshots: [] });
    const yaml = parse(await ok('list', '--format', 'yaml')) as Record<string, unknown>[];
    expect(yaml.map(({ config }) => config)).toEqual(json.map(({ config }) => config));
  });

  test('for tables has the columns that were asked for', async () => {
    const columns = ['-c', 'nsP'];
    expect(await ok('list', ...columns)).toBe(
      'NAME   STATE     PROFILES\none    running   strict\ntwo    running   strict\n',
    );
    expect(await ok('list', ...columns, '--format', 'compact')).toBe(
      'NAME STATE   PROFILES\none  running strict\ntwo  running strict\n',
    );
    expect(await ok('list', ...columns, '--format', 'csv')).toBe(
      'one,running,strict\ntwo,running,strict\n',
    );
    expect(await ok('list', '-c', 'n,user.note', '--format', 'csv', 'one')).toBe('one,"a,""b"""\n');
  });
});

describe('output', () => {
  test('has colour on a terminal, and nowhere else', async () => {
    const escape = '\u001b[';
    expect((await onTerminal('warren info one')).stdout).toContain(escape);
    const plain = await onTerminal('warren info one', { env: { NO_COLOR: '1' } });
    expect(plain).toMatchObject({ exitCode: 0 });
    expect(plain.stdout).not.toContain(escape);
    const dumb = await onTerminal('warren info one', { env: { TERM: 'dumb' } });
    expect(dumb.stdout).not.toContain(escape);
    expect(await ok('info', 'one')).not.toContain(escape);
    expect((await line.run(['info', 'none'])).stderr).not.toContain(escape);
  });

  test('that nobody reads is no error', async () => {
    const text = 'warren list --format json | head --bytes=1 >/dev/null; echo "${PIPESTATUS[0]}"';
    expect(await inShell(['bash', '-c', text])).toMatchObject({ stdout: '0\n', stderr: '' });
    const closed = 'warren list | true; echo "${PIPESTATUS[0]}"';
    expect(await inShell(['bash', '-c', closed])).toMatchObject({ stdout: '0\n', stderr: '' });
  });

  test('of --debug shows every call, beside the answer and not in it', async () => {
    const { stdout, stderr } = await line.run(['--debug', 'config', 'set', 'one', 'user.x=y']);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^> GET \/1\.0\/instances\/one\n< 200 \(\d+\.\d ms\)$/m);
    expect(stderr).toMatch(/^> (PATCH|PUT) \/1\.0\/instances\/one \{.*"user\.x":"y"/m);
    const failed = await line.run(['info', 'none', '--debug']);
    expect(failed.exitCode).toBe(4);
    expect(failed.stderr).toMatch(/^< 404 /m);
    expect(failed.stderr).toMatch(/^ +at /m);
  });
});

describe('an editor', () => {
  /** A program that edits its file by these commands of sed, one each time it is run. */
  const editor = (name: string, ...commands: readonly string[]): string => {
    const path = join(line.place, name);
    const cases = commands.map((command, at) => `${at}) sed -i '${command}' "$1" ;;`).join('\n');
    writeFileSync(
      path,
      `#!/bin/sh\nruns=$(cat '${path}.runs' 2>/dev/null || echo 0)\necho $((runs + 1)) >'${path}.runs'
case $runs in\n${cases}\n*) exit 9 ;;\nesac\n`,
      { mode: 0o755 },
    );
    return path;
  };

  test('changes a machine', async () => {
    const EDITOR = editor('note', 's/^config:$/&\\n  user.edited: "yes"/');
    const result = await onTerminal('warren config edit one', { env: { EDITOR } });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(await ok('config', 'get', 'one', 'user.edited')).toBe('yes\n');
  });

  test('may mend what was refused, in the text as it was left', async () => {
    const EDITOR = editor(
      'mend',
      's/^config: *{*}*$/config:\\n  limits.memory: lots/',
      's/lots/64MiB/',
    );
    await ok('profile', 'create', 'p');
    const result = await onTerminal('warren profile edit p', { env: { EDITOR }, keys: '\n' });
    expect(result.stdout).toMatch(/error: .*limits\.memory: .*lots/);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(await ok('profile', 'get', 'p', 'limits.memory')).toBe('64MiB\n');
  });

  test('that changes nothing, or fails, changes nothing', async () => {
    const before = await ok('profile', 'show', 'strict');
    const idle = await onTerminal('warren profile edit strict', { env: { EDITOR: 'true' } });
    expect(idle).toMatchObject({ exitCode: 0 });
    const failing = await onTerminal('warren profile edit strict', {
      env: { EDITOR: editor('failing') },
    });
    expect(failing.exitCode).toBe(catalogue.program_failed.exit);
    expect(failing.stdout).toMatch(/Cannot edit this: \S+ exited with 9/);
    expect(failing.stdout).toMatch(/try:\S* +EDITOR=nano warren/);
    const absent = await onTerminal('warren profile edit strict', { env: { EDITOR: '/no/such' } });
    expect(absent.stdout).toMatch(/\/no\/such is not installed; \$EDITOR names another one/);
    expect(await ok('profile', 'show', 'strict')).toBe(before);
  });

  test('has ctrl-c to itself: what it writes afterwards is not lost', async () => {
    const path = join(line.place, 'patient');
    // As ctrl-c on a terminal: a signal for everything in the foreground.
    const script = `trap '' INT; kill -INT 0; sleep 0.3; sed -i 's/^description:.*/description: kept/' "$1"`;
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    await ok('profile', 'create', 'patient');
    const result = await onTerminal('exec warren profile edit patient', { env: { EDITOR: path } });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(await ok('profile', 'show', 'patient')).toMatch(/^description: kept$/m);
  });

  test('is not asked for where the text comes on standard input', async () => {
    const text = 'description: by hand\nconfig:\n  user.a: b\ndevices: {}\n';
    const result = await line.run(['profile', 'edit', 'p'], { input: text });
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await ok('profile', 'show', 'p')).toBe(text);
  });
});

describe('ctrl-c', () => {
  test('cancels what the daemon is doing for us, once', async () => {
    // A machine that does not go down.
    Object.assign(line.daemon.runtime, { requestShutdown: () => undefined });
    const child = spawn(process.execPath, [cli, 'stop', 'two'], {
      env: { ...process.env, WARREN_DIR: line.daemon.dir },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const { operations } = line.daemon.context;
    await eventually(() => {
      const running = operations.list().filter(({ isFinal }) => !isFinal);
      expect(running.map(({ spec }) => spec.description)).toEqual(['Stopping instance']);
    });
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([catalogue.cancelled.exit, null]);
    expect(stderr).toMatch(/^warning: cancelling; .*\nerror: .*cancelled$/m);
    expect(operations.list().filter(({ isFinal }) => !isFinal)).toEqual([]);
    expect(await ok('list', '-c', 's', '--format', 'csv', 'two')).toBe('running\n');
  });
});

describe('ctrl-c in a launch', () => {
  /** A launch as a process of its own, and what it said on standard error at its end. */
  function launch(name: string): {
    interrupt: () => void;
    ended: Promise<[number | null, string]>;
  } {
    const options = ['-p', 'strict', '-c', 'security.protection.delete=true'];
    const child = spawn(process.execPath, [cli, 'launch', 'base', name, ...options], {
      env: { ...process.env, WARREN_DIR: line.daemon.dir },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const ended = once(child, 'close').then(([code]) => [code, stderr] as [number | null, string]);
    return { interrupt: () => child.kill('SIGINT'), ended };
  }

  /** The daemon has this under way. */
  const isAt = (description: string): Promise<void> =>
    eventually(() => {
      const running = line.daemon.context.operations.list().filter(({ isFinal }) => !isFinal);
      expect(running.map(({ spec }) => spec.description)).toContain(description);
    });

  test('takes back a machine that is being started, protected or not', async () => {
    const { runtime } = line.daemon;
    const start = runtime.start.bind(runtime);
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    Object.assign(runtime, { start: (name: string) => gate.then(() => start(name)) });
    const { interrupt, ended } = launch('fleeting');
    await isAt('Starting instance');
    interrupt();
    setTimeout(open, 200);
    const [code, stderr] = await ended;
    Object.assign(runtime, { start });
    expect(stderr).toMatch(/^warning: cancelling; .*\nerror: Launching fleeting was cancelled\n$/);
    expect(code).toBe(catalogue.cancelled.exit);
    expect(await ok('list', '-c', 'n', '--format', 'csv')).toBe('one\ntwo\n');
  });
});

describe('completion', () => {
  beforeAll(async () => {
    for (const name of ['before', 'later']) await ok('snapshot', 'one', name);
    await ok('project', 'create', 'lab');
  });

  /** What a shell offers for a line, sorted. */
  const offers: Readonly<Record<string, (text: string) => Promise<string[]>>> = {
    bash: async (text) => {
      const script = `source <(warren completion bash)
        # As bash has it: = is a word of its own.
        COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDS=(\${1//=/ = }) COMP_TYPE=9
        [[ $1 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
        _warren && printf '%s\\n' "\${COMPREPLY[@]}"`;
      return lines(await inShell(['bash', '-c', script, 'bash', text]));
    },
    zsh: async (text) => {
      // The functions that would show the matches print them instead.
      const script = `autoload -Uz compinit && compinit -u -d ${line.place}/zcompdump
        source <(warren completion zsh)
        _describe() { local -a values=(\${(P)4}); print -l -- \${values%%:*}; }
        words=(\${(z)1}); [[ $1 == *' ' ]] && words+=(''); CURRENT=$#words
        [[ $_comps[warren] == _warren ]] && _warren`;
      return lines(await inShell(['zsh', '-f', '-c', script, 'zsh', text]));
    },
    fish: async (text) => {
      const script = 'warren completion fish | source; complete --do-complete $argv[1]';
      const found = await inShell(['fish', '--no-config', '-c', script, text]);
      return lines(found).map((each) => each.split('\t')[0] ?? '');
    },
  };
  const lines = ({ stdout, stderr }: CommandResult): string[] => {
    expect(stderr).toBe('');
    return stdout.split('\n').filter(Boolean).sort();
  };

  describe.each(Object.keys(offers))('in %s', (shell) => {
    const isThere = ((): boolean => {
      try {
        execFileSync(shell, ['-c', 'exit 0'], { stdio: 'ignore' });
        return true;
      } catch {
        return false;
      }
    })();
    test.skipIf(!isThere)('offers commands, machines, keys, snapshots, projects', async () => {
      const offer = offers[shell] ?? fail;
      expect(await offer('warren sto')).toEqual(['stop', 'storage']);
      expect(await offer('warren stop ')).toEqual(['one', 'two']);
      expect(await offer('warren config set one limits.kernel')).toContain('limits.kernel.');
      expect(await offer('warren stop t')).toEqual(['two']);
      expect(await offer('warren delete one/')).toEqual(['one/before', 'one/later']);
      expect(await offer('warren restore one/b')).toEqual(['one/before']);
      expect(await offer('warren snapshot delete one before l')).toEqual(['later']);
      expect(await offer('warren snapshot delete one/before one/l')).toEqual(['one/later']);
      expect(await offer('warren --project ')).toEqual(['default', 'lab']);
      expect(await offer('warren --project lab stop ')).toEqual([]);
      const values = async (text: string): Promise<string[]> =>
        (await offer(text)).map((value) => value.replace(/.*=/, ''));
      expect(await values('warren config set one security.nesting=')).toEqual(['false', 'true']);
      expect(await values('warren config set one security.idmap.size=c')).toEqual(['compact']);
      expect(await values('warren launch base -c security.nesting=t')).toEqual(['true']);
      expect(await values('warren config set one user.x=')).toEqual([]);
      expect(await offer('warren config get one limits.mem')).toContain('limits.memory');
      expect(await offer('warren network set warrenbr0 ipv4.na')).toEqual(['ipv4.nat=']);
      expect(await offer('warren storage unset default u')).toEqual(['user.']);
      if (shell === 'fish') {
        expect(await offer('warren file push /etc/hostn')).toEqual(['/etc/hostname']);
      }
    });
  });
});

const fail = (): never => {
  throw new Error('unreachable');
};

describe('a server that is none', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'broken-'));
  });
  afterAll(() => {
    rmSync(dir, { recursive: true });
  });

  /** An answer with a body, of which the last `missing` bytes never come. */
  const answer = (status: string, body: string, missing = 0): string => {
    const length = Buffer.byteLength(body) + missing;
    return `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;
  };

  async function listen(serve: (socket: Socket) => void): Promise<Server> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        serve(socket);
      });
    });
    await new Promise<void>((resolve) => server.listen(join(dir, 'unix.socket'), resolve));
    return server;
  }

  test.each([
    ['hangs up', '', 18, /it hung up before it answered/],
    ['speaks another language', 'SSH-2.0-OpenSSH_9.2\r\n', 18, /it does not speak HTTP$/m],
    ['answers a page', answer('200 OK', '<html></html>'), 17, /something else: <html><\/html>/],
    ['answers half', answer('200 OK', '{"type":"sync"', 9), 18, /it hung up in the middle/],
    [
      'refuses in its own words',
      answer('403 Forbidden', '{"type":"error","error":"Not\\u001b today","error_code":403}'),
      9,
      /^error: Not\S* today\n/,
    ],
    [
      'knows errors that we do not',
      answer(
        '500 X',
        '{"type":"error","error":"Odd","error_code":500,"warren":{"code":"odd","details":{}}}',
      ),
      17,
      /^error: Odd\n$/,
    ],
  ])('that %s is told of in a sentence', async (_, bytes, exitCode, says) => {
    const server = await listen((socket) => socket.end(bytes));
    try {
      const result = await runProgram(process.execPath, [cli, 'list'], {
        env: { WARREN_DIR: dir },
      });
      expect(result).toMatchObject({ exitCode, stdout: '' });
      expect(result.stderr).toMatch(says);
      expect(result.stderr).toMatch(/^error: [^\n\u001b]+\n(try: {3}[^\n]+\n)?$/);
    } finally {
      server.close();
      await once(server, 'close');
    }
  });
});
