import { serviceLinks } from '../cli/base/service-links.ts';
import { startLookaside } from '../kit/program/lookaside.ts';
import { useTemporary } from '../kit/temporary.ts';

const tcp = (number: number, name?: string) => ({ number, name, protocol: 'TCP' });

describe('in a pod beside its own Services', () => {
  const directory = useTemporary();

  it('starts with the variables that Kubernetes sets for them', async () => {
    const env = {
      ...serviceLinks({ name: 'lookaside', address: '172.30.12.7', ports: [tcp(8080)] }),
      ...serviceLinks({
        name: 'lookaside-status',
        address: 'fd00:10:96::a1b',
        ports: [tcp(8081, 'status'), tcp(8443, '8443-tls'), { number: 53, protocol: 'UDP' }],
      }),
    };
    const lookaside = await startLookaside(directory(), [], { env });
    await lookaside.stop();
  });
});
