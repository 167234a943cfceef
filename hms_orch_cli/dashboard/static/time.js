// Tells how long ago things were, and how long they have been going on, by the server's clock.
const main = () => document.getElementById("live");
let ahead = 0; // milliseconds by which the server's clock is ahead of this one's

function told(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function ago(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 5) return "just now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return "";
}

function tick() {
  const now = Date.now() + ahead;
  for (const each of main().querySelectorAll("time[data-ago]")) {
    const words = ago(now - Date.parse(each.dateTime));
    if (words && each.textContent !== words) each.textContent = words;
  }
  for (const each of main().querySelectorAll("[data-since]")) {
    const words = told(now - Number(each.dataset.since));
    if (each.textContent !== words) each.textContent = words;
  }
}

function begin() {
  ahead = Number(main().dataset.now) - Date.now();
  tick();
}

document.addEventListener("fresh", begin);
setInterval(tick, 1000);
begin();
