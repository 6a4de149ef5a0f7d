// The page of one job: the server sends its panel again whenever something has changed.
const { localTimes } = await import(document.querySelector('script[src$="/gas.js"]').src);
const panel = document.getElementById("panel");
const announce = document.getElementById("announce");
const POLL = 5000;
let events = null;

function show(html) {
  const focused = panel.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
  const before = panel.querySelector("[data-announce]")?.dataset.announce;
  panel.innerHTML = html;
  localTimes(panel);
  countDown();
  if (focused) panel.querySelector(`[data-keep="${focused}"]`)?.focus();
  const now = panel.querySelector("[data-announce]");
  if (now && now.dataset.announce !== before) announce.textContent = `${now.dataset.announce}. ${now.textContent}`;
}

// by the server's clock: the reader's may be wrong
function countDown() {
  const state = panel.querySelector("[data-now]");
  state.dataset.ahead ??= state.dataset.now - Date.now();
  const now = Date.now() + Number(state.dataset.ahead);
  for (const place of panel.querySelectorAll("[data-countdown]")) {
    const seconds = Math.round((place.dataset.countdown - now) / 1000);
    place.textContent = seconds > 0 ? `(in ${span(seconds)})` : "(any moment now)";
  }
  for (const place of panel.querySelectorAll("[data-age]")) place.textContent = span(Math.max(0, Math.round((now - place.dataset.age) / 1000)));
}

function span(seconds) {
  const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
  return [hours && `${hours} h`, minutes && `${minutes} min`, !hours && `${seconds % 60} s`].filter(Boolean).join(" ");
}

function listen() {
  if (events || document.hidden) return;
  events = new EventSource(panel.dataset.events);
  events.addEventListener("panel", (event) => show(event.data));
  events.addEventListener("end", stop);
  events.addEventListener("error", () => {
    // a stream that a proxy refuses does not come back by itself: read the page instead
    if (events?.readyState !== EventSource.CLOSED) return;
    stop();
    setTimeout(poll, POLL);
  });
}

async function poll() {
  // signed out, we are sent to where a script may not look
  const answer = await fetch(location.href, { redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect" || answer?.status === 404) return location.reload(); // or the job is deleted
  if (answer?.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    show(page.getElementById("panel").innerHTML);
  }
  setTimeout(poll, POLL);
}

function stop() {
  events?.close();
  events = null;
}

// browsers allow six streams a host: hidden pages hold none
document.addEventListener("visibilitychange", () => (document.hidden ? stop() : listen()));
setInterval(countDown, 1000);
countDown();
listen();
