// The service worker, which has a page for when the Commander can't be reached. Browsers that don't take it (no https, or a
// certificate that they warn of) do without.
const url = document.querySelector('meta[name="worker"]')?.content;
if (url) navigator.serviceWorker?.register(url, { scope: "/" }).catch(() => {});
