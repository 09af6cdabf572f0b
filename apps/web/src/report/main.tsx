import { render } from 'preact';
import '../parts/theme.css';
import './report.css';
import { readPage } from './document';
import { Report } from './report';

// Dark colours would be printed as they are; the theme knows this attribute.
addEventListener('beforeprint', () => document.documentElement.setAttribute('data-printing', ''));
addEventListener('afterprint', () => document.documentElement.removeAttribute('data-printing'));

render(<Report page={readPage()} />, document.getElementById('report')!);
