/** The address of a view: everything that a view shows is in the part after #, so a link shows the same again. */

/**
 * @typedef {{view: string, batch: string|null, tab: string|null, backtest: string|null,
 *   query: Record<string, string>}} Place
 */

const TABS = ["live", "results", "heat-map", "parameters"];
/** Keys that go along from view to view: the filter, the basket of Compare, and whether tables replace charts. */
export const LASTING = ["metrics", "parameters", "passed", "rejection", "pick", "table"];
/** Of these, what is about one batch. */
const OF_A_BATCH = ["parameters", "rejection"];

/** @param {string} hash @returns {Place} */
export function parsePlace(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decode);
  const place = { view: "batches", batch: null, tab: null, backtest: null, query: Object.fromEntries(new URLSearchParams(query)) };
  if (parts[0] === "batch" && parts[1]) {
    return { ...place, view: "batch", batch: parts[1], tab: TABS.includes(parts[2]) ? parts[2] : "live" };
  }
  if (parts[0] === "backtest" && parts[1]) {
    return { ...place, view: "backtest", backtest: parts[1], batch: parts[1].replace(/-\d+$/, "") };
  }
  if (["compare", "new", "leaderboard"].includes(parts[0])) return { ...place, view: parts[0] };
  return place;
}

/** @param {Partial<Place>} place @returns {string} */
export function writePlace(place) {
  const given = Object.entries(place.query ?? {}).filter(([, value]) => value !== "" && value != null);
  // As people read it: these characters need no escape after #.
  const query = given.map(([key, value]) => `${key}=${escapeValue(value)}`).join("&");
  return `#/${path(place)}${query ? `?${query}` : ""}`;
}

/** The query that a link to another view keeps. @param {Place} from @param {string|null} batch */
export function lastingQuery(from, batch) {
  const keys = from.batch === batch ? LASTING : LASTING.filter((key) => !OF_A_BATCH.includes(key));
  return Object.fromEntries(keys.filter((key) => from.query[key]).map((key) => [key, from.query[key]]));
}

/** @param {Partial<Place>} place */
function path(place) {
  if (place.view === "batch") return `batch/${encodeURIComponent(place.batch ?? "")}/${place.tab ?? "live"}`;
  if (place.view === "backtest") return `backtest/${encodeURIComponent(place.backtest ?? "")}`;
  return place.view ?? "batches";
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} value */
function escapeValue(value) {
  return encodeURIComponent(String(value)).replace(/%(3E|3C|3D|2C|7C|3A)/g, (code) => {
    const plain = decodeURIComponent(code);
    return plain === "=" || plain === "," || plain === ">" || plain === "<" || plain === "|" || plain === ":" ? plain : code;
  });
}
