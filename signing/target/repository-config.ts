/** The configuration of a signature repository, at the root of its branch: who may sign what. */
export const REPOSITORY_CONFIG = 'lookaside.yaml';
