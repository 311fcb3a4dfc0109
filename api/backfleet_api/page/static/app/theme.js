/** Sets light or dark before the first paint. A classic script, since modules run later. */
(function () {
  /** @type {string|null} */
  let chosen = null;
  try {
    chosen = localStorage.getItem("backfleet.theme");
  } catch {
    // Without storage the system's choice holds.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    document.documentElement.dataset.theme = chosen || (dark.matches ? "dark" : "light");
  };
  apply();
  dark.addEventListener("change", apply);
  window.backfleetTheme = {
    toggle() {
      chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      try {
        localStorage.setItem("backfleet.theme", chosen);
      } catch {
        // The choice then holds until the page is loaded again.
      }
      apply();
      window.dispatchEvent(new Event("themechange"));
    },
  };
})();
