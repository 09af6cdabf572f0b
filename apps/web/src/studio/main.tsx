import { render } from 'preact';
import '../parts/theme.css';
import './studio.css';
import { App } from './app';

render(<App />, document.getElementById('studio')!);
