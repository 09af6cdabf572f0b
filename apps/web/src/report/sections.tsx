// The sections of a report, for every page that shows one: what the numbers are, where the classifier is wrong, how sure that is.
import type { ComponentChildren } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { About } from './about';
import { CalibrationSection } from './calibration';
import { ClassTable } from './class_table';
import { ConfusionSection } from './confusion';
import type { PageData } from './document';
import { LearningCurves } from './learning_curves';
import { NearClassesSection } from './near_classes';
import { Pairs } from './pairs';
import { Summary } from './summary';
import { TopImages } from './top_images';
import { UnknownSection, refusedShare } from './unknown';
import './sections.css';

export interface ChosenCell {
  row: number;
  column: number;
}

export interface Section {
  id: string;
  title: string;
  content: ComponentChildren;
}

const hasNearClasses = ({ document: numbers }: PageData) => Boolean(numbers.near_classes?.length);

/** Those that a page has something to say in. byCell: the images of each cell, by "row,column". */
export function useSections(page: PageData, byCell: Map<string, number[]>): Section[] {
  const { document: numbers } = page;
  const [chosen, setChosen] = useState<ChosenCell>();
  const choose = (row: number, column: number) => setChosen({ row, column });
  const show = (row: number, column: number) => {
    choose(row, column);
    document.getElementById('cell')?.scrollIntoView({ block: 'nearest' });
  };
  return useMemo(() => ([
    { id: 'summary', title: 'Summary', content: <Summary page={page} /> },
    numbers.confusion && {
      id: 'confusion', title: 'Confusion matrix',
      content: <ConfusionSection page={page} byCell={byCell} chosen={chosen} onChoose={choose} />,
    },
    numbers.most_confused && { id: 'pairs', title: 'Most confused', content: <Pairs page={page} onShow={show} /> },
    { id: 'images', title: numbers.has_labels ? 'Top losses' : 'Least sure', content: <TopImages page={page} /> },
    { id: 'classes', title: 'Classes', content: <ClassTable page={page} byCell={byCell} onShow={show} /> },
    hasNearClasses(page) && { id: 'near', title: 'Near classes', content: <NearClassesSection page={page} /> },
    numbers.calibration && { id: 'calibration', title: 'Calibration', content: <CalibrationSection page={page} /> },
    (numbers.unknown || refusedShare(page)) && { id: 'unknown', title: 'None of these', content: <UnknownSection page={page} /> },
    numbers.history && { id: 'learning', title: 'Training', content: <LearningCurves history={numbers.history} /> },
    { id: 'about', title: 'About', content: <About page={page} /> },
  ] as (Section | false | undefined)[]).filter((section): section is Section => Boolean(section)), [page, byCell, chosen]);
}

export function SectionCards({ sections }: { sections: Section[] }) {
  return (
    <>
      {sections.map(({ id, title, content }) => (
        <section key={id} id={id} class="card" aria-labelledby={`${id}-title`}>
          <h2 id={`${id}-title`}>{title}</h2>
          {content}
        </section>
      ))}
    </>
  );
}
