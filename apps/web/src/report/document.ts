// The document that the page shows: margay::interpret::Interpretation::json() and the keys that a report adds. null: not a
// number, or not known.
import type { Estimate } from '../parts/numbers';

export interface JsonEstimate {
  value: number | null;
  low: number | null;
  high: number | null;
}

export interface SummaryNumber extends JsonEstimate {
  name: string;
  words: string;
}

export interface ClassNumbers {
  class: number;
  name: string;
  predicted: number;
  support?: number;
  refused?: number;
  is_absent?: boolean;
  tp?: number;
  fp?: number;
  fn?: number;
  tn?: number;
  precision?: JsonEstimate;
  recall?: JsonEstimate;
  f1?: JsonEstimate;
  average_precision?: JsonEstimate;
}

export interface Average {
  name: string;
  precision: JsonEstimate;
  recall: JsonEstimate;
  f1: JsonEstimate;
  support: number;
}

export interface ConfusedPair {
  actual: number;
  predicted: number;
  count: number;
  share: JsonEstimate;
  expected: number | null;
  p_value: number | null;
  p_holm: number | null;
  is_beyond_chance: boolean;
}

export interface NearClasses {
  predicted: number;
  second: number;
  count: number;
  mean_margin: number | null;
}

export interface TopImage {
  row: number;
  name: string;
  label: string | null;
  prediction: string;
  loss: number | null;
  probability: number | null;
  label_probability: number | null;
  margin: number | null;
  border_class: string | null;
}

export const kLists = ['highest', 'surely_wrong', 'lowest', 'border', 'least_sure'] as const;
export type ListName = (typeof kLists)[number];

export interface ReliabilityBin {
  low: number | null;
  high: number | null;
  count: number;
  confidence: number | null;
  accuracy: number | null;
  accuracy_low: number | null;
  accuracy_high: number | null;
}

export interface CalibrationError extends JsonEstimate {
  perfect: number | null;
  perfect_low: number | null;
  perfect_high: number | null;
}

export interface CalibrationScores {
  /** Of all intervals; absent in documents of earlier versions: .95. */
  confidence?: number;
  nll: JsonEstimate;
  brier: JsonEstimate;
  ece: CalibrationError;
  ece_mass: CalibrationError;
  ece_class: CalibrationError;
  bins: ReliabilityBin[];
  risk_coverage: { coverage: (number | null)[]; risk: (number | null)[]; aurc: JsonEstimate };
}

/** Of a fit, before and after; or of probabilities as they are. */
export interface Calibration extends Partial<CalibrationScores> {
  temperature?: number | null;
  before?: CalibrationScores;
  after?: CalibrationScores;
}

export interface Unknown {
  alpha?: number | null;
  score?: string;
  guarantee?: string;
  calibration_images?: number | null;
  can_refuse?: boolean;
  notes?: string[];
}

/** Columns of the run's history.csv. */
export interface History {
  stage: string[];
  train_loss: (number | null)[];
  valid_loss: (number | null)[];
  metrics: Record<string, (number | null)[]>;
}

export interface ReportDocument {
  format_version: number;
  task: 'single_label' | 'multi_label';
  has_labels: boolean;
  num_images: number;
  num_classes: number;
  confidence: number;
  num_groups?: number;
  is_grouped?: boolean;
  temperature?: number | null;
  threshold?: number | null;
  origin?: Record<string, unknown>;
  skipped?: { id: number; problem: string }[];
  text: string[];
  vocab: string[];
  order?: string;
  orders?: Record<string, number[]>;
  summary: SummaryNumber[];
  classes: ClassNumbers[];
  averages?: Average[];
  confusion?: { cells: [number, number, number][]; refused?: number[] };
  most_confused?: ConfusedPair[];
  most_confused_left_out?: number;
  near_classes?: NearClasses[];
  confidence_histogram?: { edges: number[]; counts: number[]; right?: number[] };
  top_losses: Partial<Record<ListName, TopImage[]>>;
  calibration?: Calibration;
  unknown?: Unknown;
  history?: History;
}

/** An image that is on the page; `maps`: what its activation maps are of. */
export interface PageImage {
  name: string;
  labels?: number[];
  predicted: number[];
  probability?: number;
  label_probability?: number;
  loss?: number;
  p_known?: number;
  has_thumbnail: boolean;
  maps?: string[];
}

export interface PageData {
  title: string;
  document: ReportDocument;
  images: Record<string, PageImage>;
  /** Row, column, and its images that are shown. */
  cells: [number, number, number[]][];
  images_per_cell: number;
  max_bytes: number;
  left_out: number;
  unreadable: number;
  unreadable_names: string[];
}

/** Outcomes of a class where images have several labels: 2 · actual + predicted, as in PageData.cells. */
export const kOutcomes = { falsePositive: 1, falseNegative: 2, truePositive: 3 } as const;

export function estimateOf(json: JsonEstimate | undefined | null): Estimate | undefined {
  if (!json || json.value === null) return undefined;
  const estimate: Estimate = { value: json.value };
  if (json.low !== null && json.low !== undefined) estimate.low = json.low;
  if (json.high !== null && json.high !== undefined) estimate.high = json.high;
  return estimate;
}

/** The images of each cell, by row and column. */
export function imagesByCell(page: PageData): Map<string, number[]> {
  return new Map(page.cells.map(([row, column, images]) => [`${row},${column}`, images]));
}

/** The page's data stand in an element of it. */
export function readPage(): PageData {
  return JSON.parse(document.getElementById('page-data')!.textContent) as PageData;
}

/** Images stand in elements of their own, so that the browser decodes only those that are looked at. */
export function imageSource(image: number, map = 0): string | undefined {
  const text = document.getElementById(map === 0 ? `i${image}` : `i${image}-${map}`)?.textContent;
  return text ? `data:image/jpeg;base64,${text}` : undefined;
}
