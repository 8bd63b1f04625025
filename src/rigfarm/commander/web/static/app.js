// What scripts add to a page that reads without them. Each module is about one thing and listens on the document, so
// that content which comes and goes needs no wiring.
import "./requests.js";
import "./live.js";
import "./alarm.js";
import "./glow.js";
import "./times.js";
import "./dialogs.js";
import "./copying.js";
import "./expand.js";
import "./past.js";
import "./search.js";
import "./keys.js";
import "./finder.js";
import "./steering.js";
import "./installed.js";

// Deferred scripts may start htmx before its WebSocket extension is there; a second look connects what was missed.
htmx.process(document.body);
