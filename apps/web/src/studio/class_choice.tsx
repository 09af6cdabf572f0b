// One class of many, or all of them, to filter by. A list of ten thousand options is of no use to anybody: then it is a field to
// type into.
import { useMemo, useState } from 'preact/hooks';

const kMostOptions = 500;
const kNear = 50;

interface Props {
  title: string;
  names: string[];
  /** What stands in the list for a class; by default its name. */
  shown?: (at: number) => string;
  /** What stands there for all of them. */
  all: string;
  /** Further choices after the classes: values and their names. */
  more?: [string, string][];
  /** The position of a class as text, "" for all of them, or a value of `more`. */
  value: string;
  onValue: (value: string) => void;
}

export function ClassChoice(props: Props) {
  const { title, names, shown = (at) => names[at]!, all, more = [], value, onValue } = props;
  if (names.length > kMostOptions) return <ClassField {...props} />;
  return (
    <label>
      {title}{' '}
      <select value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        <option value="">{all}</option>
        {names.map((name, i) => <option key={name} value={i}>{shown(i)}</option>)}
        {more.map(([each, text]) => <option key={each} value={each}>{text}</option>)}
      </select>
    </label>
  );
}

function ClassField({ title, names, all, more = [], value, onValue }: Props) {
  const [typed, setTyped] = useState(value === '' ? '' : names[Number(value)] ?? '');
  const near = useMemo(() => {
    const wanted = typed.toLocaleLowerCase();
    return names.filter((name) => name.toLocaleLowerCase().includes(wanted)).slice(0, kNear);
  }, [typed, names]);
  return (
    <label>
      {title}{' '}
      <input type="search" list="class-names" placeholder={all} value={typed} onInput={(event) => {
        const name = event.currentTarget.value;
        setTyped(name);
        const at = names.indexOf(name);
        const other = more.find(([, text]) => text === name);
        if (at >= 0 || other || name === '') onValue(other ? other[0] : at >= 0 ? String(at) : '');
      }} />
      <datalist id="class-names">{[...near, ...more.map(([, text]) => text)].map((name) => <option key={name} value={name} />)}</datalist>
    </label>
  );
}
