// The runs: a list, one of them, or several compared.
import { useAbout } from '../app';
import { words } from '../words';

export function RunsView() {
  const about = useAbout();
  return (
    <>
      <h1>{words.runs.title}</h1>
      <p class="soft"><bdi>{about.runs}</bdi></p>
    </>
  );
}
