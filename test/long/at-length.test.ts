/** The tests that `npm test` has in a smaller size (`atLength`), in their full one. */
import '../fuzz/nodes/policies.test.ts';
import '../fuzz/nodes/registries.test.ts';
import '../fuzz/skopeo.test.ts';
import '../signing/push/parallel-pushes.test.ts';
