// Where an image of a served folder is, as the studio decodes it.
export function pictureUrl(folder: string, id: string, side: number): string {
  const path = id.split('/').map(encodeURIComponent).join('/');
  return `/api/clean/${encodeURIComponent(folder)}/picture/${path}?side=${side}`;
}
