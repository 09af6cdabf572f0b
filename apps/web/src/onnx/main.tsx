import { render } from 'preact';
import '../parts/theme.css';
import './onnx.css';
import { OnnxPage } from './onnx';
import type { ExportedModel } from './session';

const model = JSON.parse(document.getElementById('page-data')!.textContent!) as ExportedModel;
render(<OnnxPage model={model} />, document.getElementById('onnx')!);
