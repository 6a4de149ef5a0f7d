// The page of one job, and the list: the server sends the panel again whenever something has changed.
const { localTimes } = await import(document.querySelector('script[src$="/gas.js"]').src);
const panel = document.getElementById("panel");
const announce = document.getElementById("announce");
const POLL = 5000;
let events = null;

const announced = () => new Map([...panel.querySelectorAll("[data-announce]")].map((one) => [one.dataset.key, one]));
const chosen = () => [...panel.querySelectorAll("input:checked[data-keep]")].map((one) => one.dataset.keep);
const kept = (name) => panel.querySelector(`[data-keep="${name}"]`);

function show(html) {
  const focused = panel.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
  const before = announced(), checked = chosen();
  panel.innerHTML = html;
  localTimes(panel);
  countDown();
  for (const name of checked) if (kept(name)) kept(name).checked = true;
  if (focused) kept(focused)?.focus();
  const news = [...announced()].filter(([key, one]) => before.has(key) && before.get(key).dataset.announce !== one.dataset.announce);
  const words = news.map(([key, one]) => (key ? one.dataset.announce : `${one.dataset.announce}. ${one.textContent}`));
  if (words.length) announce.textContent = words.slice(0, 3).join(". ") + (words.length > 3 ? ` and ${words.length - 3} more` : "");
}

// by the server's clock: the reader's may be wrong
function countDown() {
  const state = panel.querySelector("[data-now]");
  if (!state) return;
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

panel.addEventListener("change", ({ target }) => {
  const boxes = [...panel.querySelectorAll('input[name="job"]')], all = panel.querySelector("[data-all]");
  if (target === all) for (const box of boxes) box.checked = all.checked;
  else if (all) all.checked = boxes.every((box) => box.checked);
});

// what was done is said once
const here = new URL(location), outcomes = ["deleted", "cancelled", "left"].filter((name) => here.searchParams.has(name));
for (const name of outcomes) here.searchParams.delete(name);
if (outcomes.length) history.replaceState(null, "", here);

// browsers allow six streams a host: hidden pages hold none
document.addEventListener("visibilitychange", () => (document.hidden ? stop() : listen()));
setInterval(countDown, 1000);
countDown();
listen();
