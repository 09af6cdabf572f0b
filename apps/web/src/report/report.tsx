// report.html: the report of an evaluation.
import { useMemo } from 'preact/hooks';
import { type PageData, imagesByCell } from './document';
import { SectionCards, useSections } from './sections';

export function Report({ page }: { page: PageData }) {
  const byCell = useMemo(() => imagesByCell(page), [page]);
  const sections = useSections(page, byCell);
  return (
    <>
      <nav class="no-print" aria-label="Sections">
        {sections.map(({ id, title }) => <a key={id} href={`#${id}`}>{title}</a>)}
      </nav>
      <main>
        <header>
          <h1><bdi>{page.title}</bdi></h1>
        </header>
        <SectionCards sections={sections} />
      </main>
    </>
  );
}
