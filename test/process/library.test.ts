/** `holdfast/pr` as another program imports it. */
import { describe, expect, it } from 'vitest';
import { command } from '../support/command.js';
import { loopDevice } from '../support/scratch-device.js';
import { scratchFolder, scratchImage, scratchSocket } from '../support/scratch.js';
import { ServeProcess } from '../support/serve-process.js';

/** What a module says, and how it ends. */
function program(...lines: string[]): ReturnType<typeof command> {
  const source = ["import * as pr from 'holdfast/pr';", ...lines].join('\n');
  return command(process.execPath, '--input-type=module', '--eval', source);
}

const saying = (call: string) =>
  `await ${call}.then(() => console.log('opened'), (error) => console.log(error.message));`;

describe('holdfast/pr', () => {
  it('says why a device has no reservations', async () => {
    const { stdout, status } = await program(saying(`pr.openDevice('${scratchImage(2 ** 20)}')`));
    expect(stdout).toContain('is not a block device');
    expect(status).toBe(0);
  });

  it("gives the daemon's reason, and leaves nothing that keeps the program alive", async () => {
    const socket = scratchSocket();
    const folder = scratchFolder();
    const folders = ['--state-directory', folder, '--runtime-directory', folder];
    const server = new ServeProcess({
      command: 'prd',
      args: [...folders, '--socket-path', socket],
    });
    await server.logged('serving');
    const device = await loopDevice(scratchImage(2 ** 20));
    const refused = await program(saying(`pr.openThroughDaemon('${socket}', '${device}')`));
    expect(refused.stdout).toContain('neither a SCSI disk');
    const missing = await program(saying(`pr.openThroughDaemon('${socket}', '/no/device')`));
    expect(missing.stdout).toContain('ENOENT');
    expect([refused.status, missing.status]).toEqual([0, 0]);
  });

  it('exports nothing else of the package', async () => {
    const { stderr } = await program("await import('holdfast/dist/cli/main.js');");
    expect(stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});
