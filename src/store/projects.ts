import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';
import { keyValues } from './maps.ts';
import type { ProjectRecord } from './records.ts';

interface ProjectRow {
  id: number;
  name: string;
  description: string;
}

/** The tables `projects` and `projects_config`. */
export type ProjectTable = ReturnType<typeof projectTable>;

export function projectTable(db: Database) {
  const config = keyValues(db, 'projects_config');
  const selectAll = db.prepare<[], ProjectRow>('SELECT * FROM projects ORDER BY name');
  const selectOne = db.prepare<[string], ProjectRow>('SELECT * FROM projects WHERE name = ?');
  const insert = db.prepare<[string, string]>(
    'INSERT INTO projects (name, description) VALUES (?, ?)',
  );
  const update = db.prepare<[string, number]>('UPDATE projects SET description = ? WHERE id = ?');
  const updateName = db.prepare<[string, number]>('UPDATE projects SET name = ? WHERE id = ?');
  const remove = db.prepare<[number]>('DELETE FROM projects WHERE id = ?');

  function complete(row: ProjectRow): ProjectRecord {
    return { ...row, config: config.read(row.id) };
  }

  function refuseTaken(name: string): void {
    if (selectOne.get(name) === undefined) return;
    throw new WarrenError('exists', { kind: 'project', name });
  }

  return {
    /** By name. */
    list: (): ProjectRecord[] => selectAll.all().map(complete),
    find(name: string): ProjectRecord | undefined {
      const row = selectOne.get(name);
      return row === undefined ? undefined : complete(row);
    },
    /** Throws `exists`. */
    insert(project: Omit<ProjectRecord, 'id'>): ProjectRecord {
      refuseTaken(project.name);
      const id = Number(insert.run(project.name, project.description).lastInsertRowid);
      config.replace(id, project.config);
      return { ...project, id };
    },
    set(id: number, project: Omit<ProjectRecord, 'id' | 'name'>): void {
      update.run(project.description, id);
      config.replace(id, project.config);
    },
    /** Throws `exists`. */
    rename(id: number, name: string): void {
      refuseTaken(name);
      updateName.run(name, id);
    },
    delete(id: number): void {
      remove.run(id);
    },
  };
}
