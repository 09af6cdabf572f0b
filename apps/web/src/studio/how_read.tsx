// How labels and split come from a folder: the options of `margay train`, as a form. The address of the view holds them.
import { useState } from 'preact/hooks';
import { OptionForm, type OptionValues } from '../parts/option_form';
import { useGet } from './api';
import type { DataForms } from './data/data_api';
import { words } from './words';

const text = words.data;

/** options: JSON, "" for the defaults. leavesOut: options that the view has no use for. onRead: gets JSON, too. */
export function HowRead({ options, leavesOut = [], onRead }: {
  options: string; leavesOut?: string[]; onRead: (options: string) => void;
}) {
  const forms = useGet<DataForms>('/api/data-options');
  const [values, setValues] = useState<OptionValues>(() => {
    try {
      return JSON.parse(options || '{}') as OptionValues;
    } catch {
      return {};
    }
  });
  const read = (chosen: OptionValues) => onRead(Object.keys(chosen).length > 0 ? JSON.stringify(chosen) : '');
  const fields = forms.data?.data.filter(({ name }) => !leavesOut.includes(name));
  return (
    <details class="how-read">
      <summary>{text.howRead}{options && <code class="small"> {options}</code>}</summary>
      <form onSubmit={(event) => { event.preventDefault(); read(values); }}>
        <p class="soft small">{text.howReadHelp}</p>
        {fields && <OptionForm fields={fields} values={values} onValues={setValues} />}
        <p class="row">
          <button type="submit" class="primary">{text.apply}</button>
          <button type="button" onClick={() => { setValues({}); read({}); }}>{text.defaults}</button>
        </p>
      </form>
    </details>
  );
}
