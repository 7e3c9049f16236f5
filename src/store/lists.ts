import type { Database } from 'better-sqlite3';

/** An ordered list of names or ids that belongs to one owner. */
export interface OwnedList {
  read(ownerId: number): string[];
  readAll(): Map<number, string[]>;
  replace(ownerId: number, items: readonly string[]): void;
}

interface ItemRow {
  owner_id: number;
  item: string;
}

/**
 * The statements of one list table: `select` and `selectAll` give `owner_id` and `item` in order.
 */
export interface ListStatements {
  readonly select: string;
  readonly selectAll: string;
  readonly clear: string;
  /** Parameters: owner, position, item. */
  readonly insert: string;
}

export function ownedList(db: Database, sql: ListStatements): OwnedList {
  const select = db.prepare<[number], ItemRow>(sql.select);
  const selectAll = db.prepare<[], ItemRow>(sql.selectAll);
  const clear = db.prepare<[number]>(sql.clear);
  const insert = db.prepare<[number, number, string]>(sql.insert);
  return {
    read: (ownerId) => select.all(ownerId).map(({ item }) => item),
    readAll: () => {
      const all = new Map<number, string[]>();
      for (const { owner_id, item } of selectAll.iterate()) {
        const items = all.get(owner_id);
        if (items === undefined) all.set(owner_id, [item]);
        else items.push(item);
      }
      return all;
    },
    replace: (ownerId, items) => {
      clear.run(ownerId);
      for (const [position, item] of items.entries()) insert.run(ownerId, position, item);
    },
  };
}
