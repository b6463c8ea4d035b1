import assert from 'node:assert/strict';
import { openEngines, openLastingEngines } from '../../cli/inputs/open-engines.ts';
import { PLAIN_RULE } from '../../generator/openpgp/packets/plain-message.ts';
import { DEFAULT_BUDGETS } from '../../generator/terms/budgets.ts';
import { useTemporary } from '../kit/temporary.ts';

describe('cli: engines', () => {
  const directory = useTemporary();

  for (const open of [openEngines, openLastingEngines]) {
    it(`are told by what is judged in process, so that checkpoints know: ${open.name}`, async () => {
      const engines = await open({}, directory(), DEFAULT_BUDGETS);
      await engines.close();
      // Verdicts from before the list of what is allowed were by engines without a number.
      assert.match(engines.id, new RegExp(`^lookaside [^,]+, plain ${PLAIN_RULE}, `));
    });
  }
});
