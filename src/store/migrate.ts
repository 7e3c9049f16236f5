import { rmSync } from 'node:fs';

import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';

/**
 * Brings the schema to the newest version, each step in one transaction with its `user_version`.
 * Before an upgrade a copy is kept beside the database as `warren.db.vN`, N the old version.
 * References are not enforced meanwhile, so that a step may make a table anew that others refer to,
 * and looked at before a step counts. Throws `unsupported` for a database that a newer warren has
 * upgraded.
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
  const enforced = db.pragma('foreign_keys', { simple: true }) as number;
  db.pragma('foreign_keys = OFF');
  try {
    for (const [index, step] of migrations.entries()) {
      if (index < version) continue;
      db.transaction(() => {
        db.exec(step);
        const dangling = db.pragma('foreign_key_check') as readonly unknown[];
        if (dangling.length > 0) throw new Error(`step ${index + 1} leaves references to nothing`);
        db.pragma(`user_version = ${index + 1}`);
      }).immediate();
    }
  } finally {
    db.pragma(`foreign_keys = ${enforced}`);
  }
}

function keepCopy(db: Database, copy: string): void {
  rmSync(copy, { force: true });
  db.prepare('VACUUM INTO ?').run(copy);
}
