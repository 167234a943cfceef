// Keeps the page fresh: the server says that the log has grown, the page fetches itself and swaps its middle.
"use strict";

const pause = 1000; // milliseconds between two refreshes at least
const main = () => document.getElementById("live");
const inUse = () => main().contains(document.activeElement) || main().querySelector("details[open]");
let asked = false;
let busy = false;

async function refresh() {
  if (busy) {
    asked = true;
    return;
  }
  busy = true;
  asked = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (answer.ok && fresh && !inUse()) {
      document.title = page.title;
      document.querySelector(".light").replaceWith(page.querySelector(".light"));
      main().replaceWith(fresh);
    }
  } catch {
    // the stream notices that the server is gone, and when it is back
  }
  setTimeout(() => {
    busy = false;
    if (asked) refresh();
  }, pause);
}

function show(words, kind) {
  const light = document.querySelector(".light");
  light.textContent = words;
  light.className = `light ${kind}`;
}

const stream = new EventSource(`/live?after=${main().dataset.seq}`);
stream.onmessage = () => (document.hidden ? (asked = true) : refresh());
stream.onerror = () => show("no answer", "off");
stream.onopen = refresh;
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && asked) refresh();
});
