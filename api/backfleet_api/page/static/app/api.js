/** Requests to the API. Addresses are relative to the page, so it works below a path of an Ingress. */

const TOKEN = "backfleet.token";
/** @typedef {{field: string, problem: string, hint: string|null}} FieldProblem */

export class ApiError extends Error {
  /** @param {number} status 0 without an answer @param {string} detail @param {FieldProblem[]} [errors] */
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }

  /** Whether the same request may work later. */
  get isTemporary() {
    return this.status === 0 || this.status >= 502;
  }
}

/** @param {string} path @param {Record<string, string|number|boolean|null|undefined>} [query] */
export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/** @param {string} path @returns {Promise<any>} */
export async function getJson(path) {
  return (await send(path, {})).json();
}

/** @param {string} path */
export async function getText(path) {
  return (await send(path, {})).text();
}

/** @param {string} path */
export async function getBuffer(path) {
  return (await send(path, {})).arrayBuffer();
}

/** Writes with the token. On a 401, `ask` has the person give one; null means that they do not want to.
 * @param {string} method @param {string} path @param {unknown} body
 * @param {(reason: string) => Promise<string|null>} ask @returns {Promise<any>} */
export async function write(method, path, body, ask) {
  for (;;) {
    try {
      const response = await send(path, {
        method,
        headers: { ...authorization(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      return response.json();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      const token = await ask(error.message);
      if (token === null) throw error;
      sessionStorage.setItem(TOKEN, token);
    }
  }
}

/** @returns {Record<string, string>} */
function authorization() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** @param {string} path @param {RequestInit} options */
async function send(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new ApiError(0, "the API does not answer");
  }
  if (response.ok) return response;
  throw await problemOf(response);
}

/** @param {Response} response */
async function problemOf(response) {
  try {
    const body = await response.json();
    return new ApiError(response.status, body.detail ?? body.title, body.errors);
  } catch {
    return new ApiError(response.status, `the API answered ${response.status}`);
  }
}
