/** The program that serves, and the Node that it runs on. */
export interface ProgramFacts {
  /** As package.json has it. */
  readonly version: string;
  /** As `v20.19.0`. */
  readonly nodeVersion: string;
  /** The processor time of the process since it began, in microseconds. */
  readonly cpuUsage: () => { readonly user: number; readonly system: number };
}
