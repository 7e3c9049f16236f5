import { describe, expect, test } from 'vitest';

import { inProject, quoteWords, readLine } from '../../../src/cli/command-line.ts';

describe('a command line', () => {
  test.each([
    ['--project lab list', 'lab', 'list'],
    ['--debug -q --project=lab list --format json', 'lab', 'list --format json'],
    ['list --project lab web', 'lab', 'list web'],
    ['list web', undefined, 'list web'],
    ['--project one list --project two', 'two', 'list'],
    ['list --project', undefined, 'list'],
    ['exec web --project lab -- kubectl --project x', 'lab', 'exec web -- kubectl --project x'],
    ['exec web kubectl --project x', undefined, 'exec web kubectl --project x'],
    ['exec --project lab web ls', 'lab', 'exec web ls'],
    ['', undefined, ''],
  ])('%s', (line, project, words) => {
    const split = (text: string): string[] => text.split(' ').filter((word) => word !== '');
    expect(readLine(split(line))).toEqual({ project, words: split(words) });
  });
});

describe('a command that is proposed', () => {
  test('is about the project that was named', () => {
    expect(inProject('lab', 'warren shell web')).toBe('warren --project lab shell web');
    expect(inProject(undefined, 'warren shell web')).toBe('warren shell web');
    expect(inProject('lab', 'tar -c . | warren exec web -- tar -x')).toBe(
      'tar -c . | warren --project lab exec web -- tar -x',
    );
  });

  test.each(['warren help limits', 'warren launch --help', 'warren doctor cgroup', 'ls -la /'])(
    'names no project where that says nothing: %s',
    (command) => {
      expect(inProject('lab', command)).toBe(command);
    },
  );
});

test('quoted words are what a shell reads back', () => {
  expect(quoteWords(['a b', "it's", '', 'x=1'])).toBe(String.raw`'a b' 'it'\''s' '' x=1`);
});
