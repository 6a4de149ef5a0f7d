// On every page: times in the reader's zone, and the choice of a theme.
const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

export function localTimes(part) {
  for (const time of part.querySelectorAll("time[datetime]")) {
    time.title = time.textContent;
    time.textContent = format.format(new Date(time.dateTime));
  }
}

const THEMES = { automatic: null, light: "light", dark: "dark" };
const button = document.getElementById("theme");

function nameTheme() {
  const name = localStorage.getItem("theme") ?? "automatic";
  button.textContent = `Theme: ${name}`;
  return Object.keys(THEMES).indexOf(name);
}

button.addEventListener("click", () => {
  const next = Object.values(THEMES)[(nameTheme() + 1) % 3];
  if (next) localStorage.setItem("theme", next);
  else localStorage.removeItem("theme");
  nameTheme();
  applyTheme();
});

document.addEventListener("click", async ({ target }) => {
  const source = document.getElementById(target.dataset?.copy);
  if (!source) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
    target.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source); // only a page of HTTPS may copy
  }
});

button.hidden = false;
nameTheme();
localTimes(document);
