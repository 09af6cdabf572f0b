// Builds dist/ from src/: node build.mjs [FOLDER]. The result is committed, so that Margay itself builds without node.
import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));

/** The licence of a package that is in a script, which asks to go with it. */
function notice(name, title) {
  const { version } = JSON.parse(readFileSync(`${root}node_modules/${name}/package.json`, 'utf8'));
  const licence = readFileSync(`${root}node_modules/${name}/LICENSE`, 'utf8').trim();
  return `This script contains ${title} ${version}.\n${licence}`;
}

const preact = notice('preact', 'Preact');
const pages = [
  { names: ['report', 'serve', 'onnx'], notices: [preact] },
  { names: ['studio'], notices: [preact, notice('uplot', 'uPlot')] },
];
for (const { names, notices } of pages) {
  await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(names.map((name) => [name, `src/${name}/main.tsx`])),
    outdir: process.argv[2] ?? 'dist',
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['chrome109', 'firefox115', 'safari16'],
    charset: 'ascii',
    legalComments: 'inline',
    banner: { js: `/*! ${notices.join('\n\n')}\n*/` },
    jsx: 'automatic',
    jsxImportSource: 'preact',
    logLevel: 'warning',
  });
}
