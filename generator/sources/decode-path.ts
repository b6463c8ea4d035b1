const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A path as text; other bytes than UTF-8 are shown as `\xNN`, and `utf8` is false. */
export function decodePath(bytes: Uint8Array): { path: string; utf8: boolean } {
  try {
    return { path: UTF8.decode(bytes), utf8: true };
  } catch {
    const latin1 = Buffer.from(bytes).toString('latin1');
    const path = latin1.replaceAll(
      /[\u0080-\u00ff]/g,
      (character) => `\\x${character.charCodeAt(0).toString(16)}`,
    );
    return { path, utf8: false };
  }
}
