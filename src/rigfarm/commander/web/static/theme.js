// Before the first paint: the chosen appearance, so that a dark page never flashes white. Also says that scripts run.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const asked = location.pathname === "/wall" ? new URLSearchParams(location.search).get("theme") : null; // of that screen
  const chosen = () => {
    if (asked === "light" || asked === "dark") return asked;
    try {
      return localStorage.getItem("theme") || "auto";
    } catch {
      return "auto"; // storage is forbidden: follow the system
    }
  };
  const apply = () => {
    const theme = chosen();
    root.dataset.theme = theme;
    root.dataset.bsTheme = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
  };
  root.classList.add("js");
  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply); // chosen in another tab
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-set]");
    if (!button) return;
    try {
      localStorage.setItem("theme", button.dataset.themeSet);
    } catch {
      root.dataset.theme = button.dataset.themeSet;
    }
    apply();
    dispatchEvent(new Event("rigfarm:theme"));
  });
})();

// Who wants to be told of alerts by the browser (alarm.js) is told in a tab in the background, too.
try {
  const config = document.querySelector('meta[name="htmx-config"]');
  if (config && localStorage.getItem("alarm") === "on")
    config.content = config.content.replace('"ws":{', '"ws":{"pauseOnBackground":false,');
} catch {
  // storage is forbidden: nothing was chosen
}

// The page's socket may open before live.js listens, which finds it here then.
document.addEventListener("htmx:ws:after:connection", ({ detail }) => {
  window.rigfarm = { socket: detail.connection.socket };
});

// A step back or forward that htmx is too late to hear would change the URL and not the view.
{
  const again = () => location.reload();
  addEventListener("popstate", again);
  document.addEventListener("DOMContentLoaded", () => removeEventListener("popstate", again));
}
