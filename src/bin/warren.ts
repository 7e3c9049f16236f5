import { main } from '../cli/main.ts';

void main({ words: process.argv.slice(2), binDir: import.meta.dirname });
