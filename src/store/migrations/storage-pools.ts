/** What people say of the pool; what it is follows from where everything lies. */
export const storagePools = `
CREATE TABLE storage_pools (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL
) STRICT;
CREATE TABLE storage_pools_config (
  owner_id INTEGER NOT NULL REFERENCES storage_pools (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO storage_pools (name, description) VALUES ('default', 'Layers, images and files of machines');
`;
