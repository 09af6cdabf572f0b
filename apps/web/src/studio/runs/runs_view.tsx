// The view of runs: the list, one of them, or several compared.
import type { Place } from '../place';
import { ComparePage } from './compare_page';
import { RunListView } from './run_list';
import { RunPage } from './run_page';
import './runs.css';

export function RunsView({ place }: { place: Place }) {
  const [first] = place.rest;
  if (first === 'compare' && place.query.has('of')) return <ComparePage folders={[...new Set(place.query.getAll('of'))]} />;
  return first === undefined ? <RunListView /> : <RunPage key={first} folder={first} />;
}
