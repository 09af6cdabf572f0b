// Builds dist/ from src/: node build.mjs [FOLDER]. The result is committed, so that Margay itself builds without node.
import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));

// Preact is in the script, and its licence asks to go with it.
const preact = JSON.parse(readFileSync(`${root}node_modules/preact/package.json`, 'utf8'));
const licence = readFileSync(`${root}node_modules/preact/LICENSE`, 'utf8').trim();

await build({
  absWorkingDir: root,
  entryPoints: { report: 'src/report/main.tsx', serve: 'src/serve/main.tsx', studio: 'src/studio/main.tsx' },
  outdir: process.argv[2] ?? 'dist',
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['chrome109', 'firefox115', 'safari16'],
  charset: 'ascii',
  legalComments: 'inline',
  banner: { js: `/*! This script contains Preact ${preact.version}.\n${licence}\n*/` },
  jsx: 'automatic',
  jsxImportSource: 'preact',
  logLevel: 'warning',
});
