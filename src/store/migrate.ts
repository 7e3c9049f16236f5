import { rmSync } from 'node:fs';

import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';

/**
 * Brings the schema to the newest version, each step in one transaction with its `user_version`.
 * Before an upgrade a copy is kept beside the database as `warren.db.vN`, N the old version.
 * Throws `unsupported` for a database that a newer warren has upgraded.
 */
export function migrate(db: Database, migrations: readonly string[]): void {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version > migrations.length) {
    throw new WarrenError('unsupported', {
      what: 'open the database',
      why: `${db.name} has schema version ${version} and this warren knows versions up to ${migrations.length}`,
      hint: 'install the newer warren again',
    });
  }
  if (version === migrations.length) return;
  if (version > 0) keepCopy(db, `${db.name}.v${version}`);
  for (const [index, step] of migrations.entries()) {
    if (index < version) continue;
    db.transaction(() => {
      db.exec(step);
      db.pragma(`user_version = ${index + 1}`);
    }).immediate();
  }
}

function keepCopy(db: Database, copy: string): void {
  rmSync(copy, { force: true });
  db.prepare('VACUUM INTO ?').run(copy);
}
