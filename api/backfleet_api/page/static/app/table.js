/** A table of very many rows: only those in sight are in the document. `j` and `k` move, Enter opens, `x` picks. */
import { html, useEffect, useRef, useState } from "./html.js";
import { useKeys } from "./state.js";

const ROW = 32;
const BEYOND = 8;
const HEAD = 33;
const MOST_KEPT = 400;

/**
 * @typedef {{name: string, label: string, title?: string, width: number, isFixed?: boolean, isLeft?: boolean, canSort?: boolean,
 *   cell: (row: number) => any}} TableColumn
 * @typedef {{label: string, count: number, columns: TableColumn[], sort?: {name: string, isDown: boolean}|null,
 *   onSort?: (name: string) => void, onOpen?: (row: number) => void, onPick?: (row: number) => void, keyOf?: (row: number) => any}} Given
 */

/** @param {Given} given */
export function Table(given) {
  const { count, columns } = given;
  const frame = useRef(/** @type {HTMLDivElement|null} */ (null));
  const [view, setView] = useState({ top: 0, height: 600 });
  const [chosen, setChosen] = useState(0);
  const at = Math.min(chosen, Math.max(0, count - 1));
  useScroll(frame, setView);
  const kept = useKept(columns);
  const move = (/** @type {number} */ step) => {
    const next = Math.max(0, Math.min(count - 1, at + step));
    setChosen(next);
    reveal(frame.current, next);
  };
  const page = Math.max(1, Math.floor(view.height / ROW) - 2);
  useKeys({
    j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
    PageDown: () => move(page), PageUp: () => move(-page),
    Enter: () => count && given.onOpen?.(at), x: () => count && given.onPick?.(at),
  });
  const first = Math.max(0, Math.floor(view.top / ROW) - BEYOND);
  const last = Math.min(count, Math.ceil((view.top + view.height) / ROW) + BEYOND);
  const template = { gridTemplateColumns: columns.map((each) => (each.isFixed ? `${each.width}px` : `minmax(${each.width}px, 1fr)`)).join(" ") };
  const least = `${columns.reduce((sum, each) => sum + each.width, 0)}px`;
  const rows = Array.from({ length: Math.max(0, last - first) }, (_, position) => first + position);
  return html`<div class="grid" role="grid" aria-label=${given.label} aria-rowcount=${count + 1} aria-colcount=${columns.length} tabindex="0" ref=${frame}>
    <div class="head" role="rowgroup" style=${{ minWidth: least }}><div role="row" aria-rowindex="1" style=${template}>
      ${columns.map((each) => html`<${Head} column=${each} sort=${given.sort} onSort=${given.onSort} />`)}
    </div></div>
    <div class="body" role="rowgroup" style=${{ height: `${count * ROW}px`, minWidth: least }}>
      ${rows.map((row) => kept(row, row === at, () => html`<div role="row" key=${row} aria-rowindex=${row + 2} aria-selected=${row === at}
        style=${{ ...template, top: `${row * ROW}px` }} onClick=${() => setChosen(row)} onDblClick=${() => given.onOpen?.(row)}>
        ${columns.map((each) => html`<div role="gridcell" class=${each.isLeft ? "left" : ""}>${each.cell(row)}</div>`)}
      </div>`))}
    </div>
  </div>`;
}

/** Keeps rows while the columns stay: a scroll then builds only the rows that come into sight. @param {TableColumn[]} columns */
function useKept(columns) {
  const memory = useRef({ columns, rows: /** @type {Map<string, any>} */ (new Map()) });
  if (memory.current.columns !== columns || memory.current.rows.size > MOST_KEPT) memory.current = { columns, rows: new Map() };
  const { rows } = memory.current;
  return (/** @type {number} */ row, /** @type {boolean} */ isChosen, /** @type {() => any} */ build) => {
    const key = `${row}${isChosen}`;
    if (!rows.has(key)) rows.set(key, build());
    return rows.get(key);
  };
}

/** @param {{column: TableColumn, sort: any, onSort?: (name: string) => void}} given */
function Head({ column, sort, onSort }) {
  const isSorted = sort?.name === column.name;
  const order = isSorted ? (sort.isDown ? "descending" : "ascending") : undefined;
  return html`<div role="columnheader" class=${column.isLeft ? "left" : ""} aria-sort=${order} title=${column.title ?? column.label}>
    ${column.canSort === false ? html`<span class="small quiet">${column.label}</span>`
      : html`<button onClick=${() => onSort?.(column.name)}>${column.label}${isSorted ? (sort.isDown ? " ↓" : " ↑") : ""}</button>`}
  </div>`;
}

/** @param {{current: HTMLDivElement|null}} frame @param {(view: {top: number, height: number}) => void} setView */
function useScroll(frame, setView) {
  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    let isWaiting = false;
    const read = () => {
      isWaiting = false;
      setView({ top: Math.max(0, element.scrollTop), height: element.clientHeight });
    };
    const scroll = () => {
      if (isWaiting) return;
      isWaiting = true;
      requestAnimationFrame(read);
    };
    const sizes = new ResizeObserver(scroll);
    sizes.observe(element);
    element.addEventListener("scroll", scroll, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", scroll);
    };
  }, []);
}

/** @param {HTMLElement|null} element @param {number} row */
function reveal(element, row) {
  if (!element) return;
  const top = row * ROW;
  if (top < element.scrollTop) element.scrollTop = top;
  const bottom = top + ROW + HEAD;
  if (bottom > element.scrollTop + element.clientHeight) element.scrollTop = bottom - element.clientHeight;
}
