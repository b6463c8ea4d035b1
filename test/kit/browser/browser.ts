import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core';
import { atLength } from '../at-length.ts';
import { toolPath } from '../../with-tools.ts';

/** A name of this machine to which browsers give less than to its loopback address. */
export const PLAIN_HOST = 'store.example';

/** What a page is shown on, and how. */
interface Reader {
  readonly viewport: { readonly width: number; readonly height: number };
  readonly colorScheme: 'dark' | 'light';
}

const PHONE = { viewport: { width: 360, height: 740 } } as const;
const DESK = { viewport: { width: 1280, height: 900 } } as const;
/** How pages are read; in short, each width and each scheme once. */
export const READERS: Readonly<Record<string, Reader>> = {
  'on a phone, dark': { ...PHONE, colorScheme: 'dark' },
  'on a desk, light': { ...DESK, colorScheme: 'light' },
  ...atLength(
    {},
    {
      'on a phone, light': { ...PHONE, colorScheme: 'light' },
      'on a desk, dark': { ...DESK, colorScheme: 'dark' },
    },
  ),
};

/** A page in a browser, with whatever a reader would rather not have. */
export interface OpenPage {
  readonly page: Page;
  /** Errors and warnings of the console, and requests that went elsewhere. */
  readonly complaints: readonly string[];
  /** What an expression gives in the page. */
  readonly evaluate: (expression: string) => Promise<unknown>;
}

/** Starts Debian's Chromium, which reaches nothing but this machine. */
export async function startBrowser(): Promise<Browser> {
  const nowhereElse = `MAP ${PLAIN_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`;
  return chromium.launch({
    executablePath: toolPath('chromium'),
    args: [`--host-resolver-rules=${nowhereElse}`, '--disable-background-networking'],
    // Root has no sandbox.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}

/** Opens an address in a context of its own. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  const { origin } = new URL(url);
  context.on('request', (request) => {
    const { protocol, origin: asked } = new URL(request.url());
    if (protocol !== 'data:' && asked !== origin) complaints.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return { page, complaints, evaluate: async (expression) => page.evaluate(expression) };
}

/** From now on nothing in the page ends by itself. */
export async function stopClock(page: Page): Promise<void> {
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000);
}
