import { first } from './first.ts';
import { imageSources } from './image-sources.ts';
import { imagesOfProjects } from './images-of-projects.ts';
import { projects } from './projects.ts';
import { storagePools } from './storage-pools.ts';
import { templates } from './templates.ts';
import { volumes } from './volumes.ts';

/**
 * Every step of the schema, oldest first; `user_version` counts those that were taken. Append only:
 * a step that has been released never changes.
 */
export const migrations: readonly string[] = [
  first,
  volumes,
  projects,
  templates,
  imageSources,
  imagesOfProjects,
  storagePools,
];
