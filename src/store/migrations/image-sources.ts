/** Where an image was downloaded from, so that a newer one is looked for there. */
export const imageSources = `
CREATE TABLE images_sources (
  image_id INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
  server TEXT NOT NULL,
  protocol TEXT NOT NULL,
  alias TEXT NOT NULL
) STRICT;
`;
