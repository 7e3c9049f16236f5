/**
 * What an image says of itself and the templates of its files; a machine has its own copy of both.
 */
export const templates = `
CREATE TABLE images_metadata (
  owner_id INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
  -- The text of a metadata.yaml.
  metadata TEXT NOT NULL
) STRICT;
CREATE TABLE images_templates (
  owner_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (owner_id, name)
) STRICT;
CREATE TABLE instances_metadata (
  owner_id INTEGER PRIMARY KEY REFERENCES instances (id) ON DELETE CASCADE,
  metadata TEXT NOT NULL
) STRICT;
CREATE TABLE instances_templates (
  owner_id INTEGER NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  content TEXT NOT NULL,
  PRIMARY KEY (owner_id, name)
) STRICT;
`;
