import type { KeyState } from '../../generator/openpgp/keys/key-state.ts';

const DAY = 86_400_000;

/** Whether a key is good, and how long yet: `expires in 41 days`. */
export function describeKeyState(state: KeyState, now: Date): string {
  switch (state.kind) {
    case 'good':
      return 'does not expire';
    case 'expires': {
      const days = daysBetween(state.at, now);
      return days === 0 ? 'expires within a day' : `expires in ${countDays(days)}`;
    }
    case 'expired': {
      const days = daysBetween(state.at, now);
      return days === 0 ? 'expired today' : `expired ${countDays(days)} ago`;
    }
    case 'revoked':
      return 'revoked: what it signed is refused';
    case 'cannot-sign':
      return 'cannot sign any more: what it signed is refused';
    case 'unknown':
      return 'not known here';
  }
}

function daysBetween(time: string, now: Date): number {
  return Math.floor(Math.abs(Date.parse(time) - now.getTime()) / DAY);
}

function countDays(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}
