// The button that saves the view, and what a saved page says of itself.
import { useState } from 'preact/hooks';
import { counted } from '../parts/numbers';
import { textOf } from './api';
import { savePage, savedPage } from './saved_page';
import { words as all } from './words';

const words = all.save;

export function SavePage() {
  const [isSaving, setSaving] = useState(false);
  const [problem, setProblem] = useState('');
  const save = () => {
    setSaving(true);
    setProblem('');
    savePage(document.title).catch((error: unknown) => setProblem(textOf(error))).finally(() => setSaving(false));
  };
  return (
    <>
      <button type="button" title={words.help} disabled={isSaving} onClick={save}>{isSaving ? words.saving : words.button}</button>
      {problem && <span class="wrong small" role="alert">{problem}</span>}
    </>
  );
}

export function SavedPageNote() {
  if (!savedPage) return null;
  const { title, saved, left_out: leftOut } = savedPage;
  return (
    <p class="soft small saved-note">
      {words.saved(title, saved.slice(0, 16).replace('T', ' '))}
      {leftOut > 0 && ` ${words.leftOut(counted(leftOut, 'image'))}`}
    </p>
  );
}
