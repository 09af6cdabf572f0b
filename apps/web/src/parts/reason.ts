// What is wrong, by the body of a response that is no success.

/** The "error" of its JSON; a body that is none, such as a proxy's page, as it is. */
export async function reasonOf(response: Response): Promise<string> {
  const text = await response.text();
  const otherwise = text || response.statusText;
  try {
    return (JSON.parse(text) as { error?: string }).error ?? otherwise;
  } catch {
    return otherwise;
  }
}
