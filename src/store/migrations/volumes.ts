/**
 * Custom storage volumes. A snapshot is a volume with a parent; both are one row and one directory.
 */
export const volumes = `
CREATE TABLE volumes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  parent_id INTEGER REFERENCES volumes (id),
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  -- The directory: a restore puts another in its place.
  tree TEXT NOT NULL UNIQUE,
  -- U0 ids that its files belong to, and those that they are being given to.
  owner_start INTEGER NOT NULL,
  owner_size INTEGER NOT NULL,
  next_start INTEGER,
  next_size INTEGER
) STRICT;
CREATE UNIQUE INDEX volumes_name ON volumes (name) WHERE parent_id IS NULL;
CREATE UNIQUE INDEX volumes_snapshot ON volumes (parent_id, name) WHERE parent_id IS NOT NULL;
CREATE TABLE volumes_config (
  owner_id INTEGER NOT NULL REFERENCES volumes (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;
-- Machines that were given the volume since their last start.
CREATE TABLE volumes_holders (
  volume_id INTEGER NOT NULL REFERENCES volumes (id) ON DELETE CASCADE,
  instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  PRIMARY KEY (volume_id, instance_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX volumes_holders_instance ON volumes_holders (instance_id);
`;
