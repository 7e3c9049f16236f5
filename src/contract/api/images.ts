import type { StringMap } from './instances.ts';

export interface ImageAlias {
  readonly name: string;
  readonly description: string;
}

/** `GET /1.0/images/<fingerprint>`. */
export interface Image {
  readonly fingerprint: string;
  readonly aliases: readonly ImageAlias[];
  readonly architecture: string;
  readonly type: 'container';
  /** Bytes of the image file or files. */
  readonly size: number;
  readonly filename: string;
  readonly properties: StringMap;
  readonly profiles: readonly string[];
  readonly public: boolean;
  readonly auto_update: boolean;
  readonly cached: boolean;
  readonly created_at: string;
  readonly uploaded_at: string;
  readonly last_used_at: string;
  readonly expires_at: string;
  readonly update_source?: {
    readonly alias: string;
    readonly server: string;
    readonly protocol: string;
    readonly certificate: string;
    readonly image_type: string;
  };
}

/** `GET /1.0/images/aliases/<name>`. */
export interface ImageAliasEntry extends ImageAlias {
  readonly target: string;
  readonly type: 'container';
}

/** `POST /1.0/images` with a JSON body. Anything that is no JSON is the image file itself. */
export interface ImagesPost {
  readonly auto_update?: boolean;
  readonly properties?: StringMap | null;
  readonly public?: boolean;
  readonly expires_at?: string | null;
  readonly profiles?: readonly string[] | null;
  readonly filename?: string;
  readonly compression_algorithm?: string;
  readonly aliases?: readonly ImageAlias[] | null;
  readonly source: {
    /**
     * `image` fetches or builds, `instance`, `container` and `snapshot` publish, `url` downloads.
     */
    readonly type: string;
    readonly mode?: string;
    readonly server?: string;
    readonly protocol?: string;
    readonly alias?: string;
    /** The stock client puts the alias here. */
    readonly fingerprint?: string;
    /** What is published. */
    readonly name?: string;
    /** Our own: a machine that runs is stopped for it and started again. */
    readonly force?: boolean;
    readonly url?: string;
  };
}

/** `POST /1.0/images/aliases`. */
export interface ImageAliasesPost {
  readonly name: string;
  /** A fingerprint or the beginning of one. */
  readonly target: string;
  readonly description?: string;
  readonly type?: string;
}
