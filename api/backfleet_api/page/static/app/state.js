/** What views share: the place in the address, data of the API, facts of metrics, the clock, and keys. */
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { lastingQuery, parsePlace, writePlace } from "./address.js";
import { watch } from "./live.js";

/** @typedef {import("./address.js").Place} Place */

/** @returns {Place} */
export function currentPlace() {
  return parsePlace(location.hash);
}

/** @returns {Place} */
export function usePlace() {
  const [place, setPlace] = useState(currentPlace);
  useEffect(() => {
    const update = () => setPlace(currentPlace());
    window.addEventListener("hashchange", update);
    return () => window.removeEventListener("hashchange", update);
  }, []);
  return place;
}

/** Sets keys of the query. An empty text removes one. It replaces the entry of the history, as a slider sets many.
 * @param {Record<string, string>} changes */
export function setQuery(changes) {
  const place = currentPlace();
  history.replaceState(null, "", writePlace({ ...place, query: { ...place.query, ...changes } }));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** The link to another view, which keeps what lasts. @param {Partial<Place>} to @param {Record<string, string>} [query] */
export function linkTo(to, query = {}) {
  const here = currentPlace();
  return writePlace({ ...to, query: { ...lastingQuery(here, to.batch ?? here.batch), ...query } });
}

/** @param {string} link */
export function go(link) {
  location.hash = link;
}

/** Data of a path of the API, or null before it is there. While another path loads, the old data stay and `isOld` is true.
 * @param {string|null} path @param {{isLive?: boolean, isBinary?: boolean, read?: (path: string) => Promise<any>}} [options] */
export function useLoad(path, options = {}) {
  const [state, setState] = useState({ path: "", data: null, error: null });
  useEffect(() => {
    if (!path) return undefined;
    return watch(path, options, (next) => setState({ path, data: next.data, error: next.error }));
  }, [path, options.isLive]);
  const isOld = state.path !== (path ?? "");
  return { data: path ? state.data : null, error: isOld ? null : state.error, isOld };
}

/** A value that follows another at most every `wait` milliseconds. @template T @param {T} value @param {number} wait @returns {T} */
export function useThrottled(value, wait) {
  const [kept, setKept] = useState(value);
  const last = useRef(0);
  useEffect(() => {
    const rest = Math.max(0, last.current + wait - Date.now());
    const timer = setTimeout(() => {
      last.current = Date.now();
      setKept(value);
    }, rest);
    return () => clearTimeout(timer);
  }, [value]);
  return kept;
}

/** The time, for ages and times left. */
export function useNow(every = 1000) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Handles keys while a view is shown. Keys in a field are the field's. @param {Record<string, () => void>} keys */
export function useKeys(keys) {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const press = (/** @type {KeyboardEvent} */ event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      const isField = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.getAttribute("type") !== "checkbox";
      if (isField || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const action = current.current[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

/** The theme, so that what is drawn on canvas is drawn again when it changes. */
export function useTheme() {
  const [theme, setTheme] = useState(document.documentElement.dataset.theme);
  const update = useCallback(() => setTheme(document.documentElement.dataset.theme), []);
  useEffect(() => {
    window.addEventListener("themechange", update);
    return () => window.removeEventListener("themechange", update);
  }, []);
  return theme;
}
