/**
 * Loaded into a training by `node --import`: writes down what it does to files, as journal.ts reads it, and kills the process before
 * the step that DWS_KILL_AT counts. Second names keep what a step takes a name from.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';

const { DWS_JOURNAL: folder, DWS_KILL_AT: killAt = 'none' } = process.env;

if (isMainThread && folder) {
  fs.mkdirSync(folder, { recursive: true });
  const journal = fs.openSync(path.join(folder, 'steps.jsonl'), 'a');
  let steps = 0;
  let last = '';
  const note = (step) => {
    // The pieces of one content are one step.
    const what = `${step.op} ${step.path}`;
    if (step.op === 'write' && what === last) return;
    last = what;
    if (String(steps) === killAt) process.kill(process.pid, 'SIGKILL');
    steps++;
    fs.writeSync(journal, `${JSON.stringify(step)}\n`);
  };
  const keep = (name) => {
    const older = path.join(folder, String(steps));
    try {
      fs.linkSync(name, older);
      return older;
    } catch {
      return undefined;
    }
  };
  const inoOf = (name) => fs.statSync(name, { throwIfNoEntry: false })?.ino;
  const { promises } = fs;
  const { open, rename, link, rm, unlink, mkdir } = promises;
  const real = path.resolve;

  promises.rename = async (from, to) => {
    note({ op: 'rename', path: real(to), from: real(from), older: keep(to) });
    return rename(from, to);
  };
  promises.link = async (from, to) => {
    if (!fs.existsSync(to)) note({ op: 'link', path: real(to), ino: inoOf(from) });
    return link(from, to);
  };
  const removing = (remove) => async (name, options) => {
    const found = fs.lstatSync(name, { throwIfNoEntry: false });
    if (found?.isFile()) note({ op: 'remove', path: real(name), older: keep(name) });
    return remove(name, options);
  };
  promises.rm = removing(rm);
  promises.unlink = removing(unlink);
  promises.mkdir = async (name, options) => {
    const made = await mkdir(name, options);
    if (made !== undefined) note({ op: 'mkdir', path: real(made) });
    return made;
  };

  const names = new WeakMap();
  const patch = (prototype) => {
    const { write, writeFile, appendFile, sync } = prototype;
    const writing = (method) =>
      async function (...args) {
        const file = names.get(this);
        if (file) note({ op: 'write', path: file, ino: fs.fstatSync(this.fd).ino, size: fs.fstatSync(this.fd).size });
        return method.apply(this, args);
      };
    // appendFile calls writeFile, and that write: one of them is the step.
    Object.assign(prototype, { write: writing(write), writeFile, appendFile: writing(appendFile) });
    prototype.sync = async function () {
      const file = names.get(this);
      const stats = fs.fstatSync(this.fd);
      await sync.call(this);
      if (file)
        note(
          stats.isDirectory()
            ? { op: 'sync-folder', path: file }
            : { op: 'sync', path: file, ino: stats.ino, size: stats.size },
        );
    };
  };
  let isPatched = false;
  promises.open = async (name, flags, mode) => {
    const isThere = fs.existsSync(name);
    const isWriting = typeof flags === 'string' && flags !== 'r';
    if (isWriting && !isThere) note({ op: 'open', path: real(name), made: true });
    const handle = await open(name, flags, mode);
    if (!isPatched) patch(Object.getPrototypeOf(handle));
    isPatched = true;
    if (isWriting || (isThere && fs.statSync(name).isDirectory())) names.set(handle, real(name));
    return handle;
  };
  syncBuiltinESMExports();
}
