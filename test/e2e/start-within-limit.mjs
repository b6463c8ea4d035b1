// Runs git where its user may have as many more processes as the argument says, and then where there
// is room again; prints what became of both. Run by no-process.test.ts.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { GitRunner } from '../../dist/generator/sources/git/processes/git-runner.js';

const { PATH = '' } = process.env;
const runner = new GitRunner({ PATH });
await runner.run(['--version']);
const { pid } = process;
const [shell = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ');
const limit = (/** @type {number} */ processes) =>
  execFileSync('prlimit', ['--pid', shell, `--nproc=${processes}:`]);
limit(countTasks() + Number(process.argv[2]));
// An alias that is a command needs one process more.
const first = runner.run(['-c', 'alias.x=!true', 'x']);
const said = await first.catch((/** @type {Error} */ error) => error.message);
limit(1000);
const { exitCode } = await runner.run(['--version']);
process.stdout.write(JSON.stringify({ said, exitCode }));
await runner.close();

/** Processes and threads of this user. */
function countTasks() {
  const user = new RegExp(`^Uid:\\t${process.getuid?.()}\\t`, 'm');
  let tasks = 0;
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const status = readStatus(name);
    if (user.test(status)) tasks += Number(/^Threads:\t(\d+)$/m.exec(status)?.[1]);
  }
  return tasks;
}

/** @param {string} name */
function readStatus(name) {
  try {
    return readFileSync(`/proc/${name}/status`, 'latin1');
  } catch {
    return '';
  }
}
