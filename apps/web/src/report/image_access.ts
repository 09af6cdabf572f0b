// Where the images of a report come from: elements of the page itself, or a server.
import { type ComponentChildren, createContext } from 'preact';
import { useContext, useEffect } from 'preact/hooks';
import { imageSource } from './document';

export interface ImageAccess {
  /** The address of an image's thumbnail, or of its map (from 1); undefined: there is none. */
  source: (image: number, map?: number) => string | undefined;
  /** What stands where an image cannot be shown. */
  missing: string | undefined;
  /** What may be done with an image, below its words. */
  actions?: (image: number) => ComponentChildren;
  /** Asks for the images of a cell, where they are not all there from the start. */
  wantCell?: (row: number, column: number) => void;
}

/** report.html has all images that it will ever have. */
export const ImageAccessContext = createContext<ImageAccess>({ source: imageSource, missing: undefined });

export const useImageAccess = () => useContext(ImageAccessContext);

/** Whether the images of a cell may still come; asks for them. */
export function useCell(row: number, column: number): boolean {
  const { wantCell } = useImageAccess();
  useEffect(() => wantCell?.(row, column), [wantCell, row, column]);
  return wantCell !== undefined;
}
