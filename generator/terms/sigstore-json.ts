// Whether nodes can decode what stands behind `sigstore-json` in a frame: if not, every pull of the
// image fails. They read it with Go's encoding/json, which takes member names in any case, null for
// anything, and an array of numbers for bytes (containers/image internal/signature/sigstore.go).
import { type Member, isJson, membersOf } from './strict-json.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BYTES = /^\[\s*(?:(?:null|[0-9]{1,3})(?:\s*,\s*(?:null|[0-9]{1,3}))*)?\s*\]$/;
const MAX_BYTE = 255;

/** Whether text decodes into {mimeType, payload, annotations}. */
export function isSigstoreJson(data: Uint8Array): boolean {
  const text = Buffer.from(data).toString();
  if (!isJson(text)) return false;
  const members = membersOf(text);
  return members ? members.every(isMember) : text.trim() === 'null';
}

function isMember({ name, json }: Member): boolean {
  switch (foldCase(name)) {
    case 'mimetype':
      return isText(json);
    case 'payload':
      return isBytes(json);
    case 'annotations': {
      const annotations = membersOf(json);
      return json === 'null' || (annotations?.every((member) => isText(member.json)) ?? false);
    }
    default:
      return true;
  }
}

/** Both ways: a few letters beyond ASCII have one of these as their other case. */
function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function isText(json: string): boolean {
  return json === 'null' || json.startsWith('"');
}

function isBytes(json: string): boolean {
  if (json === 'null') return true;
  if (BYTES.test(json))
    return (json.match(/[0-9]+/g) ?? []).every((byte) => Number(byte) <= MAX_BYTE);
  const value: unknown = JSON.parse(json);
  return typeof value === 'string' && BASE64.test(value.replaceAll(/[\r\n]/g, ''));
}
