/**
 * What the page shows of the API, kept up to date. One timer for the whole page asks for everything that is live, every two
 * seconds, and not in a hidden tab. Views hear of changes at most twice a second.
 *
 * Only this module knows that it polls: a stream of events may replace it.
 */
import { ApiError, getBuffer, getJson } from "./api.js";

const TICK = 2000;
const PAINT = 500;
const SLOWEST_RETRY = 10_000;
const SLOW = /\/(heat-map|parameters|columns|backtests\?|leaderboard|daily-summary)/;
const MOST_SLOW = 2;
/** @type {((value: unknown) => void)[]} */
const slowQueue = [];
let slowCount = 0;

/**
 * @typedef {{data: any, error: ApiError|null, at: number}} State
 * @typedef {{path: string, read: (path: string) => Promise<any>, isLive: boolean, state: State, text: string,
 *   listeners: Set<(state: State) => void>, isBusy: boolean, retryAt: number, failures: number}} Entry
 */

/** @type {Map<string, Entry>} */
const entries = new Map();
/** @type {Set<Entry>} */
const changed = new Set();
/** @type {Set<(trouble: Trouble|null) => void>} */
const troubleListeners = new Set();
/** @typedef {{since: number, text: string}} Trouble */
/** @type {Trouble|null} */
let trouble = null;
let lastPaint = 0;
let paintTimer = 0;

/** Watches a path until the returned function is called. Whoever watches the same path shares one request.
 * @param {string} path @param {{isLive?: boolean, isBinary?: boolean, read?: (path: string) => Promise<any>}} options
 * @param {(state: State) => void} listener */
export function watch(path, options, listener) {
  const read = options.read ?? (options.isBinary ? getBuffer : getJson);
  let entry = entries.get(path);
  if (!entry) {
    entry = { path, read, isLive: false, state: { data: null, error: null, at: 0 }, text: "", listeners: new Set(), isBusy: false, retryAt: 0, failures: 0 };
    entries.set(path, entry);
  }
  const found = entry;
  found.isLive ||= Boolean(options.isLive);
  found.listeners.add(listener);
  if (found.state.at) listener(found.state);
  else load(found, true);
  return () => {
    found.listeners.delete(listener);
    if (!found.listeners.size) entries.delete(path);
  };
}

/** Asks again at once, for what has just been written. @param {string} part of the paths to ask for */
export function refresh(part) {
  for (const entry of entries.values()) if (entry.path.includes(part)) load(entry, true);
}

/** @param {(trouble: Trouble|null) => void} listener */
export function watchTrouble(listener) {
  troubleListeners.add(listener);
  listener(trouble);
  return () => troubleListeners.delete(listener);
}

/** @param {Entry} entry @param {boolean} isUrgent */
async function load(entry, isUrgent) {
  if (entry.isBusy) return;
  entry.isBusy = true;
  try {
    accept(entry, await inTurn(entry));
  } catch (error) {
    refuse(entry, error instanceof ApiError ? error : new ApiError(500, String(error)));
  } finally {
    entry.isBusy = false;
  }
  paint(isUrgent);
}

/** Reads that look at many results go out two at a time, as the API has two threads for them and refuses what does not fit.
 * @param {Entry} entry */
async function inTurn(entry) {
  if (!SLOW.test(entry.path)) return entry.read(entry.path);
  if (slowCount >= MOST_SLOW) await new Promise((go) => slowQueue.push(go));
  slowCount += 1;
  try {
    // Nobody may wait for it any more.
    return entry.listeners.size ? await entry.read(entry.path) : null;
  } finally {
    slowCount -= 1;
    slowQueue.shift()?.(undefined);
  }
}

/** @param {Entry} entry @param {any} data */
function accept(entry, data) {
  const text = entry.isLive ? JSON.stringify(data) : "";
  const isNew = !entry.isLive || text !== entry.text || entry.state.error;
  entry.text = text;
  entry.failures = 0;
  entry.retryAt = 0;
  setTrouble(null);
  if (!isNew) return;
  entry.state = { data, error: null, at: Date.now() };
  changed.add(entry);
}

/** @param {Entry} entry @param {ApiError} error */
function refuse(entry, error) {
  entry.failures += 1;
  if (error.isTemporary) {
    entry.retryAt = Date.now() + Math.min(SLOWEST_RETRY, TICK * entry.failures);
    setTrouble({ since: trouble?.since ?? Date.now(), text: error.message });
  } else {
    entry.retryAt = 0;
  }
  // What was shown stays: it is of then, and the banner says so.
  entry.state = { data: error.isTemporary ? entry.state.data : null, error, at: Date.now() };
  entry.text = "";
  changed.add(entry);
}

/** @param {Trouble|null} next */
function setTrouble(next) {
  if (next === trouble || (next && trouble && next.text === trouble.text)) return;
  trouble = next;
  for (const listener of troubleListeners) listener(trouble);
}

/** @param {boolean} isUrgent */
function paint(isUrgent) {
  if (!isUrgent && paintTimer) return;
  const wait = isUrgent ? 0 : Math.max(0, lastPaint + PAINT - Date.now());
  if (!wait) return paintNow();
  paintTimer = window.setTimeout(paintNow, wait);
}

function paintNow() {
  window.clearTimeout(paintTimer);
  paintTimer = 0;
  lastPaint = Date.now();
  const now = [...changed];
  changed.clear();
  for (const entry of now) for (const listener of entry.listeners) listener(entry.state);
}

function tick() {
  if (document.hidden) return;
  const now = Date.now();
  for (const entry of entries.values()) {
    const isDue = entry.retryAt ? entry.retryAt <= now : entry.isLive;
    if (isDue) load(entry, false);
  }
}

/** Starts the timer. A tab that is shown again asks at once. */
export function start() {
  window.setInterval(tick, TICK);
  document.addEventListener("visibilitychange", tick);
}
