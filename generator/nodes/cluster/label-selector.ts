// Label selectors as Kubernetes reads them (apimachinery pkg/apis/meta/v1, LabelSelectorAsSelector).
import { z } from 'zod';

export type Labels = Readonly<Record<string, string>>;

const labels = z.record(z.string(), z.string());

const expression = z.discriminatedUnion('operator', [
  z.object({
    key: z.string(),
    operator: z.enum(['In', 'NotIn']),
    values: z.array(z.string()).min(1),
  }),
  z.object({ key: z.string(), operator: z.enum(['Exists', 'DoesNotExist']) }),
]);

export const labelSelectorSchema = z.object({
  matchLabels: labels.nullish(),
  matchExpressions: z.array(expression).nullish(),
});

export type LabelSelector = z.output<typeof labelSelectorSchema>;

/** Whether a selector asks for nothing, so that it means everything or, by its owner's rule, nothing. */
export function isEmptySelector({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;
}

/** Whether labels meet all that a selector asks for. */
export function matchesLabels(
  { matchLabels, matchExpressions }: LabelSelector,
  given: Labels,
): boolean {
  const has = (key: string): boolean => Object.hasOwn(given, key);
  const equal = Object.entries(matchLabels ?? {}).every(
    ([key, value]) => has(key) && given[key] === value,
  );
  return (
    equal &&
    (matchExpressions ?? []).every((asked) => {
      switch (asked.operator) {
        case 'In':
          return has(asked.key) && asked.values.includes(given[asked.key] ?? '');
        case 'NotIn':
          return !has(asked.key) || !asked.values.includes(given[asked.key] ?? '');
        case 'Exists':
          return has(asked.key);
        case 'DoesNotExist':
          return !has(asked.key);
      }
    })
  );
}
