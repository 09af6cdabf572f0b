import { render } from 'preact';
import '../parts/theme.css';
import './serve.css';
import { ServePage } from './serve';

render(<ServePage />, document.getElementById('serve')!);
