/** libblkio: a front end without a virtual machine; what sets it apart is in libblkio-client.c. */
import { describe, expect, it } from 'vitest';
import { successful } from '../support/command.js';
import { checkout, inTree, trees } from '../support/images.js';
import { processFigures } from '../support/process-figures.js';
import { useRig } from '../support/rig.js';

describe('libblkio', () => {
  const rig = useRig();

  it('reads what it has written, on memory added while it runs', async () => {
    const client = rig.path('libblkio-client');
    await successful(
      ...(['cc', '-std=gnu17', '-Wall', '-Wextra', '-Werror', '-o', client] as const),
      `${checkout}test/interop/libblkio-client.c`,
      ...[`-I${trees.trixie}/usr/include`, `-L${trees.trixie}/usr/lib/x86_64-linux-gnu`],
      // libblkio there is made for a newer libc than the compiler's: it resolves at run time.
      ...['-lblkio', '-Wl,--allow-shlib-undefined'],
    );
    const file = await rig.image('disk.img', 256 * 1024 ** 2);
    const socketPath = rig.path('disk.sock');
    const backEnd = await rig.backEnd({ socketPath, file });

    const runClient = async () => {
      const [enter = '', ...args] = inTree('trixie', [client, socketPath]);
      const logged = backEnd.log.length;
      await successful(enter, ...args);
      await backEnd.frontEndGone(logged);
    };
    await runClient();
    const before = processFigures(backEnd.pid);
    for (let run = 0; run < 10; run += 1) await runClient();
    const after = processFigures(backEnd.pid);
    console.log('10 runs of a libblkio client:', before, '->', after);
    expect(after.fds).toBe(before.fds);
    expect(after.threads).toBe(before.threads);
    await backEnd.stop();
  });
});
