// An image with what was said about it, and a grid of them.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import './image_card.css';

export interface ShownImage {
  /** A data: or http: address; undefined: the image is not on the page. */
  source?: string | undefined;
  caption: string;
}

interface Props {
  name: string;
  /** The image first, then the maps over it. */
  images: ShownImage[];
  /** What stands where no image can. */
  missing?: string;
  verdict?: 'right' | 'wrong' | undefined;
  children: ComponentChildren;
}

/** The image, which changes to its activation maps on a click, and the words below it. */
export function ImageCard({ name, images, missing = 'not on this page', verdict, children }: Props) {
  const [shown, setShown] = useState(0);
  const [failed, setFailed] = useState<string>();
  const image = images[shown] ?? images[0];
  return (
    <li class={`image-card keep ${verdict ?? ''}`}>
      <div class="frame">
        {image?.source && image.source !== failed
          ? <img src={image.source} alt={shown === 0 ? name : `${name}: ${image.caption}`} loading={image.source.startsWith('data:') ? 'eager' : 'lazy'}
                 onError={() => setFailed(image.source)} />
          : <span class="soft small">{missing}</span>}
      </div>
      {images.length > 1 && (
        <div class="maps no-print" role="group" aria-label={`What is shown of ${name}`}>
          {images.map((one, i) => (
            <button type="button" key={one.caption} aria-pressed={i === shown} title={one.caption} onClick={() => setShown(i)}>
              {one.caption}
            </button>
          ))}
        </div>
      )}
      <div class="words small">
        {children}
        <bdi class="name soft" title={name}>{name}</bdi>
      </div>
    </li>
  );
}

export function ImageCards({ label, size = 'small', children }: {
  label: string; size?: 'small' | 'large'; children: ComponentChildren;
}) {
  return <ul class={`image-grid ${size}`} aria-label={label}>{children}</ul>;
}
