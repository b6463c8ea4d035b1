const NUL = 0x00;

/** Cuts a stream into its NUL-terminated records; gives those that end in each chunk. */
export async function* parseRecords(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const records: Buffer[] = [];
    let from = 0;
    for (let nul = bytes.indexOf(NUL); nul >= 0; nul = bytes.indexOf(NUL, from)) {
      records.push(bytes.subarray(from, nul));
      from = nul + 1;
    }
    rest = bytes.subarray(from);
    yield records;
  }
}
