/** A row of ESLint's `no-restricted-syntax`, with a line that it must find. */
export interface SyntaxRow {
  readonly selector: string;
  readonly message: string;
  readonly finds: string;
}

const roots = '/^(root|rootPath|rootfs|guestRoot|upper)$/';
const callsOfFs =
  '/^(access|appendFile|chmod|chown|copyFile|cp|exists|glob|lchown|link|lstat|lutimes|mkdir|mkdtemp|open|openAsBlob|opendir|readFile|readdir|readlink|realpath|rename|rm|rmdir|stat|statfs|symlink|truncate|unlink|utimes|watch|writeFile|createReadStream|createWriteStream)(Sync)?$/';
const message =
  'A guest can put a link there that leads out: go through openFiles, which resolves inside its root';

/**
 * Raw paths into a machine, in the folders that know machines: what a guest controls is reached
 * only through src/storage/files. One row for each way of writing one.
 */
export const guestPathRows: readonly SyntaxRow[] = [
  {
    selector: `TemplateLiteral[quasis.0.value.raw=''][quasis.1.value.raw=/^\\u002f/][expressions.0.name=${roots}]`,
    message,
    finds: 'readFileSync(`${root}/etc/passwd`);',
  },
  {
    selector: `TemplateLiteral[quasis.0.value.raw=''][quasis.1.value.raw=/^\\u002f/][expressions.0.property.name=${roots}]`,
    message,
    finds: 'readFileSync(`${machine.rootfs}/etc/passwd`);',
  },
  {
    selector: `TemplateLiteral > CallExpression[callee.property.name='rootPath']`,
    message,
    finds: 'readFileSync(`${storage.rootPath(id)}/etc/passwd`);',
  },
  {
    selector: `CallExpression[callee.name=/^(join|resolve)$/][arguments.0.name=${roots}]`,
    message,
    finds: `join(root, 'etc/passwd');`,
  },
  {
    selector: `CallExpression[callee.property.name=/^(join|resolve)$/][callee.object.name='path'][arguments.0.name=${roots}]`,
    message,
    finds: `path.join(upper, 'etc/passwd');`,
  },
  {
    selector: `BinaryExpression[operator='+'][left.name=${roots}]`,
    message,
    finds: `readFileSync(rootPath + '/etc/passwd');`,
  },
  {
    selector: `CallExpression[callee.name=${callsOfFs}][arguments.0.callee.name='guestPath']`,
    message,
    finds: `readFileSync(guestPath('/etc/passwd'));`,
  },
  {
    selector: `CallExpression[callee.object.name=/^(fs|fsPromises|promises)$/][arguments.0.callee.name='guestPath']`,
    message,
    finds: `fs.readFileSync(guestPath('/etc/passwd'));`,
  },
];

/** Where they hold. */
export const guestPathFolders = ['engine', 'daemon', 'runtime'] as const;
