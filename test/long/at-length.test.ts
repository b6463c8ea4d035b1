/** The tests that `npm test` has in a smaller size (`atLength`), in their full one. */
import '../cli/generate-again.test.ts';
import '../e2e/concurrency.test.ts';
import '../e2e/crash.test.ts';
import '../e2e/hostile.test.ts';
import '../e2e/landing-page.test.ts';
import '../e2e/status-page.test.ts';
import '../e2e/warm-start.test.ts';
import '../fuzz/skopeo.test.ts';
import '../signing/push/parallel-pushes.test.ts';
