/** Runs an action without the rights of root, whom no file mode keeps out. */
export async function asNobody<Result>(action: () => Promise<Result>): Promise<Result> {
  if (process.geteuid?.() !== 0 || !process.seteuid) return action();
  process.seteuid('nobody');
  try {
    return await action();
  } finally {
    process.seteuid('root');
  }
}
