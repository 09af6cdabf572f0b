import { render } from 'preact';
import '../parts/theme.css';
import './studio.css';
import { App } from './app';
import { beginSavedPage } from './saved_page';

// A browser would leave the page to show a file that misses the place where it is wanted.
const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files');
for (const kind of ['dragover', 'drop'] as const) addEventListener(kind, (event) => { if (hasFiles(event)) event.preventDefault(); });
beginSavedPage();
render(<App />, document.getElementById('studio')!);
