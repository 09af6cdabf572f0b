// The camera: a press of the button, or of the space bar while it has the focus, records an image into the chosen class.
import { useEffect, useRef, useState } from 'preact/hooks';
import { textOf } from '../api';
import { words } from '../words';

interface Props {
  classes: string[];
  onImage: (image: Blob, name: string, label: string) => void;
}

export function Camera({ classes, onImage }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const [stream, setStream] = useState<MediaStream>();
  const [problem, setProblem] = useState('');
  const [label, setLabel] = useState(classes[0] ?? '');
  const [count, setCount] = useState(0);
  useEffect(() => {
    if (video.current && stream) video.current.srcObject = stream;
    return () => stream?.getTracks().forEach((track) => track.stop());
  }, [stream]);
  useEffect(() => { if (!classes.includes(label)) setLabel(classes[0] ?? ''); }, [classes, label]);

  const start = async () => {
    setProblem('');
    try {
      setStream(await navigator.mediaDevices.getUserMedia({ video: true }));
    } catch (error) {
      setProblem(words.label.noCamera(textOf(error)));
    }
  };
  const record = () => {
    const from = video.current;
    if (!from || from.videoWidth === 0) return;
    const canvas = document.createElement('canvas');
    canvas.width = from.videoWidth;
    canvas.height = from.videoHeight;
    canvas.getContext('2d')?.drawImage(from, 0, 0);
    const name = `camera-${new Date().toISOString().replace(/[:.]/g, '-')}.jpg`;
    canvas.toBlob((blob) => {
      if (!blob) return;
      onImage(blob, name, label);
      setCount((n) => n + 1);
    }, 'image/jpeg', 0.92);
  };
  if (!stream) {
    return <div><button type="button" disabled={classes.length === 0} onClick={() => void start()}>{words.label.startCamera}</button>
      {problem && <p role="alert" class="wrong">{problem}</p>}</div>;
  }
  return (
    <div class="camera">
      <video ref={video} autoplay playsInline muted aria-label={words.label.camera} />
      <div class="row">
        <label>{words.label.recordInto}{' '}
          <select value={label} onChange={(event) => setLabel(event.currentTarget.value)}>
            {classes.map((each) => <option key={each} value={each}>{each}</option>)}
          </select></label>
        <button type="button" onClick={record}>{words.label.record}</button>
        <button type="button" onClick={() => setStream(undefined)}>{words.label.stopCamera}</button>
        <span role="status" class="small soft">{words.label.recorded(count)}</span>
      </div>
    </div>
  );
}
