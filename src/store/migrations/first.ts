/** The first schema. Times are milliseconds since the epoch, booleans 0 or 1. */
export const first = `
CREATE TABLE slices (
  id INTEGER PRIMARY KEY,
  start INTEGER NOT NULL UNIQUE CHECK (start >= 1),
  size INTEGER NOT NULL CHECK (size >= 1),
  isolated INTEGER NOT NULL CHECK (isolated IN (0, 1))
) STRICT;

CREATE TABLE layers (
  id TEXT PRIMARY KEY,
  owner_start INTEGER NOT NULL,
  owner_size INTEGER NOT NULL,
  -- A copy may share data with its original, so it keeps it.
  shifted_from TEXT REFERENCES layers (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX layers_shifted_from ON layers (shifted_from);

CREATE TABLE profiles (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL
) STRICT;
CREATE TABLE profiles_config (
  owner_id INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE profiles_devices (
  owner_id INTEGER NOT NULL REFERENCES profiles (id) ON DELETE CASCADE,
  device TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, device, key)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: directories are named by the id, and what a dead machine left behind must never
-- become another's.
CREATE TABLE instances (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  architecture TEXT NOT NULL,
  ephemeral INTEGER NOT NULL CHECK (ephemeral IN (0, 1)),
  phase TEXT NOT NULL CHECK (phase IN ('creating', 'ready', 'deleting')),
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  slice_id INTEGER NOT NULL REFERENCES slices (id),
  run_pid INTEGER,
  run_start_time INTEGER,
  run_boot_id TEXT,
  run_started_at INTEGER,
  run_booted_at INTEGER,
  last_exit TEXT,
  last_exit_detail TEXT
) STRICT;
CREATE INDEX instances_slice ON instances (slice_id);
CREATE TABLE instances_config (
  owner_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE instances_devices (
  owner_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  device TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, device, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE instances_profiles (
  instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  profile_id INTEGER NOT NULL REFERENCES profiles (id),
  PRIMARY KEY (instance_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX instances_profiles_profile ON instances_profiles (profile_id);
CREATE TABLE instances_layers (
  owner_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers (id),
  PRIMARY KEY (owner_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX instances_layers_layer ON instances_layers (layer_id);

CREATE TABLE snapshots (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  instance_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  ephemeral INTEGER NOT NULL CHECK (ephemeral IN (0, 1)),
  size_bytes INTEGER NOT NULL,
  UNIQUE (instance_id, name)
) STRICT;
CREATE TABLE snapshots_config (
  owner_id INTEGER NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots_devices (
  owner_id INTEGER NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
  device TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, device, key)
) STRICT, WITHOUT ROWID;
-- By name: a snapshot does not keep a profile from being removed.
CREATE TABLE snapshots_profiles (
  snapshot_id INTEGER NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  profile TEXT NOT NULL,
  PRIMARY KEY (snapshot_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE snapshots_layers (
  owner_id INTEGER NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  layer_id TEXT NOT NULL REFERENCES layers (id),
  PRIMARY KEY (owner_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX snapshots_layers_layer ON snapshots_layers (layer_id);

CREATE TABLE images (
  id INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE CHECK (length(fingerprint) = 64),
  architecture TEXT NOT NULL,
  filename TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  public INTEGER NOT NULL CHECK (public IN (0, 1)),
  auto_update INTEGER NOT NULL CHECK (auto_update IN (0, 1)),
  cached INTEGER NOT NULL CHECK (cached IN (0, 1)),
  created_at INTEGER NOT NULL,
  uploaded_at INTEGER NOT NULL,
  last_used_at INTEGER,
  expires_at INTEGER,
  format TEXT NOT NULL CHECK (format IN ('unified', 'split')),
  recipe TEXT
) STRICT;
CREATE TABLE images_properties (
  owner_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE images_profiles (
  image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  profile TEXT NOT NULL,
  PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE images_aliases (
  name TEXT PRIMARY KEY,
  description TEXT NOT NULL,
  image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX images_aliases_image ON images_aliases (image_id);
-- The image's root file system, once per range of ids that runs it.
CREATE TABLE images_layers (
  image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  layer_id TEXT NOT NULL REFERENCES layers (id),
  PRIMARY KEY (image_id, layer_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX images_layers_layer ON images_layers (layer_id);

CREATE TABLE networks (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL
) STRICT;
CREATE TABLE networks_config (
  owner_id INTEGER NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (owner_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE config (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
-- What the daemon remembers for itself: the boot id it last saw, which profiles it has loaded.
CREATE TABLE facts (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE warnings (
  id TEXT PRIMARY KEY,
  type TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (severity IN ('low', 'moderate', 'high')),
  status TEXT NOT NULL CHECK (status IN ('new', 'acknowledged', 'resolved')),
  entity TEXT NOT NULL,
  message TEXT NOT NULL,
  count INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  UNIQUE (type, entity)
) STRICT, WITHOUT ROWID;
`;
