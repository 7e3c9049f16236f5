/** Projects other than `default`: the name of a machine in one is `PROJECT_NAME`. */
export const projects = `
CREATE TABLE projects (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL
) STRICT;
CREATE TABLE projects_config (
  owner_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO projects (name, description) VALUES ('default', 'Default project');
`;
