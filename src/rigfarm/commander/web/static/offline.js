// Says since when, and goes back to the page that was asked for as soon as the Commander answers.
const EVERY_MS = 5000;
const since = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
document.getElementById("since").textContent = `Not reached since ${since}. This page tries again every five seconds.`;

setInterval(async () => {
  try {
    const answer = await fetch("/healthz", { cache: "no-store", credentials: "omit" });
    if (answer.ok) location.reload();
  } catch {
    // still away
  }
}, EVERY_MS);
