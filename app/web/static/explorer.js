// A search that found nothing yet in its part of a large result goes on by itself, until it finds something or is stopped.
const further = document.getElementById("further");
const stop = document.getElementById("stop");
const WAIT = 700;

if (further) {
  const going = setTimeout(() => location.replace(further.href), WAIT);
  stop.hidden = false;
  stop.addEventListener("click", () => {
    clearTimeout(going);
    window.stop();
    stop.hidden = true;
    further.focus();
  });
}
