const SIGNIFICANT = 3;
const THOUSAND = 1000;

/** Three digits that count, `,` between thousands: `0.123`, `45.6`, `12,300`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '∞';
  const rounded = Number(value.toPrecision(SIGNIFICANT));
  const exact = Math.abs(value) >= THOUSAND ? Math.round(value) : rounded;
  return exact.toLocaleString('en-US', { maximumSignificantDigits: exact === rounded ? 3 : 21 });
}
