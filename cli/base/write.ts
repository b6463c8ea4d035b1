/** A pipe may take a long text in pieces; exiting before the last would lose it. */
export async function write(
  stream: NodeJS.WritableStream,
  text: string | Uint8Array,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => {
      // A reader that has seen enough (`| head`) is no fault.
      if (error && !('code' in error && error.code === 'EPIPE')) reject(error);
      else resolve();
    });
  });
}
