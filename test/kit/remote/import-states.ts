import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a state holds, by path; paths and contents byte for byte as latin1. */
export interface StateFile {
  readonly mode: '100644' | '100755' | '120000' | '160000';
  readonly content: string;
}
export type State = ReadonlyMap<string, StateFile>;

/** Any object name; nobody looks into a submodule. */
const SUBMODULES = ['1'.repeat(40), '2'.repeat(40)];

/** Commits states one after another to `main` of a bare repository, by git-fast-import(1). */
export async function importStates(repository: string, states: readonly State[]): Promise<void> {
  const child = spawn('git', ['--git-dir', repository, 'fast-import', '--quiet', '--force'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  for (const [index, state] of states.entries()) {
    const lines = ['commit refs/heads/main', `committer a <a@test> ${index} +0000`, 'data 0'];
    if (index === 0) lines.push('deleteall');
    else lines.push('', 'deleteall');
    for (const [path, { mode, content }] of state) lines.push(...toLines(path, mode, content));
    if (!child.stdin.write(Buffer.from(`${lines.join('\n')}\n`, 'latin1'))) {
      await once(child.stdin, 'drain');
    }
  }
  child.stdin.end('done\n');
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) throw new Error(`git fast-import exited with ${code}`);
}

function toLines(path: string, mode: StateFile['mode'], content: string): string[] {
  const quoted = `"${path.replaceAll(/[^a-z0-9/]/gi, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`)}"`;
  if (mode === '160000') return [`M 160000 ${SUBMODULES[content.length % 2]} ${quoted}`];
  return [`M ${mode} inline ${quoted}`, `data ${content.length}`, content];
}
