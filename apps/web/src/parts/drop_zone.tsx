// Where one image comes from: dropped, pasted or chosen; and its address for an <img>.
import { useEffect, useState } from 'preact/hooks';
import './drop_zone.css';

/** The address of a blob for an <img>, let go when another comes. */
export function useAddress(blob: Blob | undefined): string | undefined {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    const made = blob && URL.createObjectURL(blob);
    setAddress(made);
    return () => made && URL.revokeObjectURL(made);
  }, [blob]);
  return address;
}

export function DropZone({ onImage }: { onImage: (image: File) => void }) {
  const [isOver, setOver] = useState(false);
  const take = (files: FileList | null | undefined) => {
    const image = files?.[0];
    if (image) onImage(image);
  };
  useEffect(() => {
    const paste = (event: ClipboardEvent) => take(event.clipboardData?.files);
    addEventListener('paste', paste);
    return () => removeEventListener('paste', paste);
  });
  return (
    <label
      class={`drop-zone ${isOver ? 'over' : ''}`}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); take(event.dataTransfer?.files); }}
    >
      <input
        type="file" accept="image/*" class="visually-hidden"
        onChange={(event) => { take(event.currentTarget.files); event.currentTarget.value = ''; }}
      />
      <span>Drop an image here, paste one, or <u>choose a file</u></span>
    </label>
  );
}
