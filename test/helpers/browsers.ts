/**
 * Browsers without a driver: each is started with the URL of a page that does the checks itself, posts what came out to a server of the
 * test, and goes on to the next page. So the same checks run in every browser that can open a page.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { chromiumPath } from './chromium.js';

function firstProgram(...places: (string | undefined)[]): string | undefined {
  return places.find((place) => {
    try {
      accessSync(place ?? '', constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

interface BrowserKind {
  name: string;
  program: string | undefined;
  /** What a person installs, or where it may be told. */
  from: string;
  /** @param home an empty folder for all that it writes */
  args: (url: string, home: string) => string[];
}

/** Windows of WebKitGTK's own small browser need a display. */
const display = firstProgram('/usr/bin/xvfb-run');
const miniBrowser = firstProgram(
  ...['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/webkit2gtk-4.1/MiniBrowser`),
);

export const browsers: readonly BrowserKind[] = [
  {
    name: 'Chromium',
    program: chromiumPath,
    from: 'apt-get install chromium, or set CHROMIUM',
    args: (url, home) => ['--headless', '--no-sandbox', '--no-first-run', `--user-data-dir=${home}`, url],
  },
  {
    name: 'Firefox',
    program: firstProgram(process.env['FIREFOX'], '/usr/bin/firefox-esr', '/usr/bin/firefox'),
    from: 'apt-get install firefox-esr, or set FIREFOX',
    args: (url, home) => ['--headless', '--no-remote', '--profile', home, url],
  },
  {
    name: 'WebKit',
    program: miniBrowser && display,
    from: 'apt-get install webkit2gtk-driver xvfb',
    args: (url) => ['-a', miniBrowser!, url],
  },
];

/** For the name of what is skipped. */
export const needs = ({ program, from }: BrowserKind): string => (program ? '' : ` (skipped: it is missing; ${from})`);

/** What a page runs when it is done: it tells what came out, and goes where it is sent. `control` is the test's server. */
export const reportScript = `export async function report(control, value) {
  await fetch(control + '/report', { method: 'POST', body: JSON.stringify(value) });
  location.href = await (await fetch(control + '/next')).text();
}
`;

const startPage = `<!doctype html><link rel="icon" href="data:,"><script type="module">
location.href = await (await fetch('/next')).text();
</script>`;

/** Seconds for one page, on machines that do much else. */
const patience = 100;

export async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

/** One browser, which visits page after page. */
export class Visitor {
  private next: ((url: string) => void) | undefined;
  private queued: string | undefined;
  private answer: ((value: unknown) => void) | undefined;
  private process!: ChildProcess;
  private home!: string;
  private readonly server = createServer((request, response) => void this.serve(request, response));

  private constructor(private readonly kind: BrowserKind) {}

  static async start(kind: BrowserKind): Promise<Visitor> {
    const visitor = new Visitor(kind);
    await new Promise<void>((resolve) => visitor.server.listen(0, '127.0.0.1', resolve));
    visitor.home = await mkdtemp(path.join(os.tmpdir(), 'dws-browser-'));
    visitor.process = spawn(kind.program!, kind.args(`${visitor.origin}/`, visitor.home), {
      stdio: 'ignore',
      // A group of its own, which ends as a whole.
      detached: true,
      env: { ...process.env, HOME: visitor.home, XDG_CACHE_HOME: visitor.home, XDG_DATA_HOME: visitor.home },
    });
    return visitor;
  }

  /** The server that pages report to. */
  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Opens a page, and waits for what it reports. */
  async visit(url: string): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.kind.name} says nothing at ${url}`)), patience * 1000);
    });
    const reported = new Promise((resolve) => (this.answer = resolve));
    if (this.next) this.next(url);
    else this.queued = url;
    return Promise.race([reported, late]).finally(() => clearTimeout(timer));
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('close', resolve));
    process.kill(-this.process.pid!, 'SIGKILL');
    await ended;
    this.server.closeAllConnections();
    await new Promise((resolve) => void this.server.close(resolve));
    await rm(this.home, { recursive: true, force: true, maxRetries: 9 });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('Access-Control-Allow-Origin', '*');
    if (request.url === '/report') {
      const value: unknown = JSON.parse(await bodyOf(request));
      response.end();
      this.answer?.(value);
    } else if (request.url === '/next') {
      const url = this.queued ?? (await new Promise<string>((resolve) => (this.next = resolve)));
      this.queued = this.next = undefined;
      response.end(url);
    } else {
      response.setHeader('Content-Type', 'text/html').end(startPage);
    }
  }
}
