/** Git hosts whose pipelines `init` knows. */
export const FORGES = ['github', 'gitlab', 'gitea'] as const;

export type Forge = (typeof FORGES)[number];
