import { checkOnce, reportOn } from './check-once.ts';
import { hasFaults } from './findings.ts';
import { formatReport } from './format-report.ts';
import type { Settings } from './options.ts';
import type { World } from './world.ts';
import { write } from './write.ts';

/** `lookaside check SOURCE`. */
export async function check(source: string, settings: Settings, world: World): Promise<number> {
  const checked = await checkOnce(source, settings, world);
  const report = reportOn(checked, checked.store.files());
  await write(world.stdout, formatReport(report, source, settings, world));
  return hasFaults(report, settings.strict) ? 1 : 0;
}
