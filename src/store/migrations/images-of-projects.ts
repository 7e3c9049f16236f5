/** Projects with images of their own: the same bytes may be an image of several. */
export const imagesOfProjects = `
CREATE TABLE images_new (
  id INTEGER PRIMARY KEY,
  project TEXT NOT NULL REFERENCES projects (name) ON UPDATE CASCADE,
  fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 64),
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
  recipe TEXT,
  UNIQUE (project, fingerprint)
) STRICT;
INSERT INTO images_new SELECT id, 'default', fingerprint, architecture, filename, size_bytes, public,
  auto_update, cached, created_at, uploaded_at, last_used_at, expires_at, format, recipe FROM images;
DROP TABLE images;
ALTER TABLE images_new RENAME TO images;
CREATE INDEX images_fingerprint ON images (fingerprint);

CREATE TABLE images_aliases_new (
  project TEXT NOT NULL REFERENCES projects (name) ON UPDATE CASCADE,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;
INSERT INTO images_aliases_new SELECT 'default', name, description, image_id FROM images_aliases;
DROP TABLE images_aliases;
ALTER TABLE images_aliases_new RENAME TO images_aliases;
CREATE INDEX images_aliases_image ON images_aliases (image_id);
`;
