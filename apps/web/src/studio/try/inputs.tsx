// Where images come from: dropped, pasted, chosen, or of the camera.
import { useEffect, useRef, useState } from 'preact/hooks';
import { textOf } from '../api';
import { useKeys } from '../keys';
import { words as all } from '../words';

const words = all.try;

export interface GivenImage {
  name: string;
  bytes: Blob;
}

const imagesOf = (files: FileList | null | undefined, name?: string): GivenImage[] =>
  [...(files ?? [])].map((file) => ({ name: name ?? file.name, bytes: file }));

/** isSmall: there are images already. */
export function ImageInputs({ onImages, isSmall }: { onImages: (images: GivenImage[]) => void; isSmall: boolean }) {
  const [isOver, setOver] = useState(false);
  const [isCameraOpen, setCameraOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const give = (images: GivenImage[]) => { if (images.length > 0) onImages(images); };
  const latest = useRef(give);
  latest.current = give;
  useEffect(() => {
    const paste = (event: ClipboardEvent) => latest.current(imagesOf(event.clipboardData?.files, words.pasted));
    // Files that miss the box are taken, too.
    const drop = (event: DragEvent) => latest.current(imagesOf(event.dataTransfer?.files));
    addEventListener('paste', paste);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('paste', paste);
      removeEventListener('drop', drop);
    };
  }, []);
  useKeys(words.keys, [
    { keys: ['o'], text: words.keyOpen, run: () => input.current?.click() },
    { keys: ['c'], text: words.keyCamera, run: () => setCameraOpen((now) => !now) },
  ]);
  return (
    <div class={`try-inputs ${isSmall ? 'small-zone' : ''}`}>
      <label class={`drop-zone ${isOver ? 'over' : ''}`} onDragEnter={() => setOver(true)} onDragLeave={() => setOver(false)} onDrop={() => setOver(false)}>
        <input ref={input} type="file" accept="image/*,.heic,.heif,.avif,.tif,.tiff" multiple class="visually-hidden"
               onChange={(event) => { give(imagesOf(event.currentTarget.files)); event.currentTarget.value = ''; }} />
        <span>{words.drop} <u>{words.choose}</u></span>
      </label>
      <button type="button" aria-pressed={isCameraOpen} onClick={() => setCameraOpen(!isCameraOpen)}>
        {isCameraOpen ? words.stopCamera : words.camera}</button>
      {isCameraOpen && <Camera onImage={(image) => give([image])} />}
    </div>
  );
}

/** The camera's stream, while it is shown; it ends with the component, so that its light goes out. */
function Camera({ onImage }: { onImage: (image: GivenImage) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let stream: MediaStream | undefined;
    let isOver = false;
    const end = () => stream?.getTracks().forEach((track) => track.stop());
    if (!navigator.mediaDevices) {
      setProblem(words.noCamera(words.cameraNeedsSecure));
      return undefined;
    }
    navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, facingMode: 'environment' } }).then((given) => {
      stream = given;
      if (isOver) return end();
      if (video.current) video.current.srcObject = given;
    }, (error: unknown) => setProblem(words.noCamera(textOf(error))));
    return () => { isOver = true; end(); };
  }, []);
  const take = () => {
    const from = video.current;
    if (!from?.videoWidth) return;
    const canvas = Object.assign(document.createElement('canvas'), { width: from.videoWidth, height: from.videoHeight });
    canvas.getContext('2d')!.drawImage(from, 0, 0);
    canvas.toBlob((bytes) => { if (bytes) onImage({ name: `${words.taken}.jpg`, bytes }); }, 'image/jpeg', 0.95);
  };
  useKeys(words.keys, [{ keys: [' '], text: words.keyTake, run: take }]);
  if (problem) return <p class="wrong" role="alert">{problem}</p>;
  return (
    <div class="camera">
      <video ref={video} autoplay playsInline muted aria-label={words.cameraTitle} />
      <button type="button" onClick={take}>{words.take}</button>
    </div>
  );
}
