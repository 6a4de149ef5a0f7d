// Runs before the first paint: the reader's theme, and the mark that scripts work.
const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");

function applyTheme() {
  const chosen = localStorage.getItem("theme");
  root.dataset.bsTheme = chosen ?? (dark.matches ? "dark" : "light");
}

root.classList.add("js");
applyTheme();
dark.addEventListener("change", applyTheme);
