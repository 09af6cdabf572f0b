import { render } from 'preact';
import '../parts/theme.css';
import './studio.css';
import { App } from './app';
import { beginSavedPage } from './saved_page';

beginSavedPage();
render(<App />, document.getElementById('studio')!);
