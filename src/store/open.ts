import { closeSync, openSync } from 'node:fs';

import Sqlite from 'better-sqlite3';

import { isWarrenError } from '../contract/errors.ts';
import { aliasTable } from './aliases.ts';
import { explain } from './errors.ts';
import { imageTable } from './images.ts';
import { instanceTable } from './instances.ts';
import { layerTable } from './layers.ts';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/all.ts';
import { networkTable } from './networks.ts';
import { pairTable } from './pairs.ts';
import { profileTable } from './profiles.ts';
import { projectTable } from './projects.ts';
import { makeReserve } from './reserve.ts';
import { sliceTable } from './slices.ts';
import { snapshotTable } from './snapshots.ts';
import { storagePoolTable } from './storage-pools.ts';
import type { Store } from './store.ts';
import { templateTable } from './templates.ts';
import { volumeTable } from './volumes.ts';
import { warningTable } from './warnings.ts';

/**
 * Opens the database and makes or upgrades its schema. There is one writer, the daemon: the keeper
 * sees to that, and another one is only waited for a moment. The caller closes it. Throws
 * `unsupported` for a newer or damaged database, `no_space` when the disk is full. `nativeBinding`
 * is the compiled part of SQLite where it does not lie in the library's own folder.
 */
export function openStore(path: string, nativeBinding?: string): Store {
  try {
    // SQLite would make it with the umask's mode.
    closeSync(openSync(path, 'a', 0o600));
    return open(path, nativeBinding);
  } catch (error) {
    throw explain(error, path);
  }
}

function open(path: string, nativeBinding: string | undefined): Store {
  const db = new Sqlite(path, {
    timeout: 2000,
    ...(nativeBinding === undefined ? {} : { nativeBinding }),
  });
  try {
    db.pragma('journal_mode = WAL');
    // Files go once no row names them: rows that come back with a power cut would name what is
    // gone.
    db.pragma('synchronous = FULL');
    db.pragma('foreign_keys = ON');
    migrate(db, migrations);
    return storeOf(db, path);
  } catch (error) {
    db.close();
    throw error;
  }
}

function storeOf(db: Sqlite.Database, path: string): Store {
  const reserve = makeReserve(path);
  reserve.keep();
  const transaction: Store['transaction'] = (work) => {
    try {
      return db.inTransaction ? work() : db.transaction(work).immediate();
    } catch (error) {
      throw explain(error, path);
    }
  };
  return {
    transaction,
    reclaim(work) {
      if (db.inTransaction) return work();
      try {
        const result = transaction(work);
        reserve.keep();
        return result;
      } catch (error) {
        if (!isWarrenError(error, 'no_space') || !reserve.giveUp()) throw error;
        return transaction(work);
      }
    },
    problems: () => findProblems(db),
    instances: instanceTable(db),
    snapshots: snapshotTable(db),
    images: imageTable(db),
    aliases: aliasTable(db),
    imageTemplates: templateTable(db, 'images'),
    instanceTemplates: templateTable(db, 'instances'),
    profiles: profileTable(db),
    networks: networkTable(db),
    layers: layerTable(db),
    volumes: volumeTable(db),
    storagePools: storagePoolTable(db),
    projects: projectTable(db),
    slices: sliceTable(db),
    config: pairTable(db, 'config'),
    facts: pairTable(db, 'facts'),
    warnings: warningTable(db),
    close: () => {
      db.close();
    },
  };
}

function findProblems(db: Sqlite.Database): string[] {
  const found = db.pragma('integrity_check') as readonly { readonly integrity_check: string }[];
  const dangling = db.pragma('foreign_key_check') as readonly {
    readonly table: string;
    readonly parent: string;
  }[];
  return [
    ...found.map((row) => row.integrity_check).filter((text) => text !== 'ok'),
    ...dangling.map(
      ({ table, parent }) => `a row of ${table} names one of ${parent} that is not there`,
    ),
  ];
}
