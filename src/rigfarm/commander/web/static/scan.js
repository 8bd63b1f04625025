// The page that reads codes: what the camera, a photo or a hand scanner says goes into the field, and its form asks for it.
// Browsers that read codes themselves do so; for the others a decoder is fetched, once it is needed.
const FORMATS = ["code_128", "qr_code", "data_matrix", "code_39"];
const EVERY_MS = 150;
const MISSED = 25; // looks without a code after which it is another scan; until then it stayed in view
const WIDTH = 1280; // px that a picture is looked at with, at most
const SHARES = [1, 0.6, 0.4]; // of that, by turns: what can't be made out at one size often can at another
const PHOTO_WIDTHS = [2000, 1400, 1000, 640, 400];

const box = () => document.getElementById("camera");
const video = () => box().querySelector("video");
const part = (name) => box().querySelector(`[data-camera="${name}"]`);
const canvas = document.createElement("canvas");

let stream = null;
let resumes = false; // it was stopped because the page was hidden
let looking = 0;
let looks = 0;
let decoder = null;
let last = ""; // the code that was taken
let missed = 0; // looks since it was seen

function say(words) {
  box().querySelector(".camera-says").textContent = words;
}

// A function from a canvas to the text of a code in it, or "".
async function makeDecoder() {
  const known = "BarcodeDetector" in window ? await BarcodeDetector.getSupportedFormats().catch(() => []) : [];
  if (FORMATS.every((one) => known.includes(one))) {
    const native = new BarcodeDetector({ formats: FORMATS });
    return async (picture) => (await native.detect(picture))[0]?.rawValue ?? "";
  }
  await import(box().dataset.decoder);
  const { BinaryBitmap, Code128Reader, Code39Reader, DataMatrixReader, DecodeHintType, HTMLCanvasElementLuminanceSource } = window.ZXing;
  const { HybridBinarizer, QRCodeReader } = window.ZXing;
  const readers = [new QRCodeReader(), new Code128Reader(), new DataMatrixReader(), new Code39Reader()];
  const hints = new Map([[DecodeHintType.TRY_HARDER, true]]);
  return async (picture) => {
    const seen = new BinaryBitmap(new HybridBinarizer(new HTMLCanvasElementLuminanceSource(picture)));
    for (const reader of readers) {
      try {
        return reader.decode(seen, hints).getText();
      } catch {
        // no code of this kind, or it could not be made out
      }
    }
    return "";
  };
}

async function decode(source, width, height, most) {
  decoder ??= makeDecoder();
  const scale = Math.min(most / width, 1);
  canvas.width = Math.max(Math.round(width * scale), 1);
  canvas.height = Math.max(Math.round(height * scale), 1);
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(source, 0, 0, canvas.width, canvas.height);
  return (await decoder)(canvas);
}

function take(text) {
  const again = text === last && missed < MISSED;
  last = text;
  missed = 0;
  if (again) return; // what a person fills in on its card stays
  navigator.vibrate?.(60);
  const view = box().querySelector(".camera-view");
  view.classList.add("hit");
  setTimeout(() => view.classList.remove("hit"), 600);
  const form = document.getElementById("scan-form");
  form.elements.code.value = text;
  form.requestSubmit();
}

async function look() {
  const picture = video();
  if (!stream) return;
  try {
    if (picture.readyState >= 2 && picture.videoWidth) {
      const most = Math.min(picture.videoWidth, WIDTH) * SHARES[looks++ % SHARES.length];
      const text = await decode(picture, picture.videoWidth, picture.videoHeight, most);
      missed += 1;
      if (text && stream) take(text);
    }
  } catch {
    stop();
    say("The decoder could not be loaded. Reload the page, or type the code.");
    return;
  }
  looking = setTimeout(look, EVERY_MS);
}

const REFUSED = {
  NotAllowedError: "The camera is blocked. Allow it for this site in the browser's settings, or read a photo.",
  NotFoundError: "This device has no camera. Use a hand scanner, or read a photo.",
  NotReadableError: "Another program uses the camera. Close it, then try again.",
};

async function start() {
  if (stream) return;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    say(REFUSED[error.name] ?? `The camera did not start (${error.name}). Read a photo, or type the code.`);
    return;
  }
  const picture = video();
  picture.srcObject = stream;
  await picture.play().catch(() => {});
  const [track] = stream.getVideoTracks();
  track.addEventListener("ended", stop);
  part("light").hidden = !track.getCapabilities?.().torch;
  show(true);
  say("");
  look();
}

function stop() {
  clearTimeout(looking);
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  if (!box()) return;
  video().srcObject = null;
  part("light").setAttribute("aria-pressed", "false");
  part("light").hidden = true;
  show(false);
}

function show(on) {
  box().querySelector(".camera-view").hidden = !on;
  part("start").hidden = on;
  part("stop").hidden = !on;
}

async function light() {
  const on = part("light").getAttribute("aria-pressed") !== "true";
  await stream?.getVideoTracks()[0].applyConstraints({ advanced: [{ torch: on }] }).then(
    () => part("light").setAttribute("aria-pressed", String(on)),
    () => say("The light can't be switched."),
  );
}

async function photo(input) {
  const [file] = input.files;
  input.value = "";
  if (!file) return;
  say("Reading the photo …");
  try {
    const picture = await createImageBitmap(file);
    for (const width of PHOTO_WIDTHS) {
      const text = await decode(picture, picture.width, picture.height, width);
      if (!text) continue;
      say("");
      last = "";
      take(text);
      return;
    }
    say("No code was found in this photo. Take it closer, straight on and with light, or type the code.");
  } catch {
    say("This file could not be read as a photo. Choose another one, or type the code.");
  }
}

const actions = { start, stop, light };
document.addEventListener("click", (event) => {
  const action = actions[event.target.closest?.("[data-camera]")?.dataset.camera];
  action?.();
});
document.addEventListener("change", ({ target }) => {
  if (target.dataset?.camera === "photo") photo(target);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    resumes = Boolean(stream);
    stop();
  } else if (resumes) {
    start();
  }
});

// A hand scanner types, and ends with Enter: the field is ready for the next code, unless a person is at another one.
function ready() {
  const field = document.getElementById("scan-code");
  if (!field || matchMedia("(pointer: coarse)").matches) return;
  if (document.activeElement === document.body || document.activeElement === field) field.focus();
}
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement?.id !== "scan-form") return;
  const field = document.getElementById("scan-code");
  if (field) field.value = "";
  ready();
});

if (!navigator.mediaDevices?.getUserMedia) {
  part("start").hidden = true;
  say(
    isSecureContext
      ? "This browser has no access to a camera. Use a hand scanner, or read a photo."
      : "Browsers give the camera only to pages that come over https. Open this page by https, or read a photo.",
  );
}
ready();
