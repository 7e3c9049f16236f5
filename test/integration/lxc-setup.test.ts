import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openCommandLine, type CommandLine } from '../helpers/command-line.ts';

describe('warren lxc-setup', () => {
  let line: CommandLine;
  let own: string;

  beforeAll(async () => {
    line = await openCommandLine();
    own = join(line.place, "o'wn");
  });
  afterAll(async () => {
    await line[Symbol.asyncDispose]();
  });

  test('writes a configuration of its own and prints what a shell needs', async () => {
    const { dir } = line.daemon;
    const { stdout, stderr } = await line.run(['lxc-setup']);
    expect({ stdout, stderr }).toEqual({
      stdout: `export LXD_DIR=${dir}\nexport LXD_CONF=${dir}/lxc\n`,
      stderr: '',
    });
    const text = readFileSync(join(dir, 'lxc/config.yml'), 'utf8');
    expect(text).toContain('default-remote: local\n');
    expect(text).toContain(`addr: unix://${dir}/unix.socket\n`);
    expect(statSync(join(dir, 'lxc/config.yml')).mode & 0o777).toBe(0o600);
    await line.run(['lxc-setup']);
    expect(readFileSync(join(dir, 'lxc/config.yml'), 'utf8')).toBe(text);
  });

  test('leaves what lxc makes of that configuration', async () => {
    const { dir } = line.daemon;
    const path = join(dir, 'lxc/config.yml');
    const written = readFileSync(path, 'utf8');
    // As `lxc project switch` and `lxc remote switch` leave it.
    const rewritten = `default-remote: far\nremotes:\n  far:\n    addr: https://far:8443\n  local:\n    addr: unix://\n    project: lab\n    public: false\naliases: {}\n`;
    writeFileSync(path, rewritten);
    const { stdout, stderr, exitCode } = await line.run(['lxc-setup']);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    expect(stdout).toContain(`export LXD_DIR=${dir}\n`);
    expect(readFileSync(path, 'utf8')).toBe(rewritten);
    await line.run(['lxc-setup', '--force']);
    expect(readFileSync(path, 'utf8')).toContain('default-remote: local\n');
    writeFileSync(path, rewritten.replace('unix://', 'unix:///elsewhere'));
    expect(await line.run(['lxc-setup'])).toMatchObject({ exitCode: 2 });
    writeFileSync(path, written);
  });

  test('leaves what is there as it is, until it is told to change it', async () => {
    mkdirSync(own);
    const path = join(own, 'config.yml');
    const before =
      '# mine\ndefault-remote: far\nremotes:\n  far: {addr: "https://far:8443"}\naliases: {ll: list}\n';
    writeFileSync(path, before);
    const refused = await line.run(['lxc-setup', '--config', own]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(/points lxc elsewhere, wanted --force/);
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect(existsSync(`${path}.before-warren`)).toBe(false);

    const { stdout, exitCode } = await line.run(['lxc-setup', '--config', own, '--force']);
    expect(exitCode).toBe(0);
    // A name that a shell would take apart is quoted.
    expect(stdout).toContain(`export LXD_CONF='${line.place}/o'\\''wn'\n`);
    expect(readFileSync(`${path}.before-warren`, 'utf8')).toBe(before);
    const after = readFileSync(path, 'utf8');
    expect(after).toMatch(/^# mine\n[^]*far:8443[^]*ll: list/);
    expect(after).toContain('default-remote: local\n');
    expect(after).toContain(`unix://${line.daemon.dir}/unix.socket`);
  });

  test('says of a file that is none which it is', async () => {
    writeFileSync(join(own, 'config.yml'), '- a list\n');
    const { exitCode, stderr } = await line.run(['lxc-setup', '--config', own, '--force']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`config.yml: it is no map of settings`);
  });
});
