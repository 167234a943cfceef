// Keeps the page fresh: the server says that something has changed, the page fetches itself and takes over what differs.
// What is open stays open, what has the focus keeps it, and nothing moves that is the same.
const PAUSE = 1000; // milliseconds between two refreshes at least
const SHARE = 20; // and so many times as long as one takes: what is slow to make is not asked for all the time
const LONGEST = 30000;
const main = () => document.getElementById("live");
const inUse = () => document.querySelector("dialog[open]") !== null;
const name = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset?.key || "" : "");
const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && name(a) === name(b);
const OWN = ["open", "data-seen"]; // attributes that are this browser's own
let asked = false; // there is something new
let fetching = false;
let resting = 0; // the timer of the pause

function take(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.hasAttribute("data-keep")) return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !OWN.includes(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !OWN.includes(name)) old.setAttribute(name, value);
  }
  takeChildren(old, fresh);
}

function takeChildren(old, fresh) {
  const named = new Map([...old.childNodes].filter(name).map((node) => [name(node), node]));
  let place = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    let found = name(next) ? named.get(name(next)) : place;
    while (!name(next) && found && !alike(found, next)) found = found.nextSibling;
    if (!found || !alike(found, next)) {
      old.insertBefore(next, place);
      continue;
    }
    if (found === place) place = place.nextSibling;
    else if (name(next)) old.insertBefore(found, place);
    else {
      while (place !== found) {
        const over = place;
        place = place.nextSibling;
        if (!name(over)) over.remove();
      }
      place = found.nextSibling;
    }
    named.delete(name(next));
    take(found, next);
  }
  while (place) {
    const over = place;
    place = place.nextSibling;
    over.remove();
  }
  for (const over of named.values()) if (over.parentNode === old) over.remove();
}

async function refresh() {
  if (fetching || resting) {
    asked = true;
    return;
  }
  asked = false;
  fetching = true;
  const began = performance.now();
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected && !inUse()) location.assign(answer.url); // who has no right here any more is led to the login
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (page.getElementById("live") && !inUse()) {
      document.title = page.title;
      take(document.getElementById("bar"), page.getElementById("bar"));
      take(main(), page.getElementById("live"));
      if (stream.readyState === EventSource.CLOSED) dark("no answer"); // this is fresh, and nothing will be
      document.dispatchEvent(new Event("fresh"));
    }
  } catch {
    // the stream notices that the server is gone, and when it is back
  }
  fetching = false;
  const pause = Math.min(Math.max(PAUSE, SHARE * (performance.now() - began)), LONGEST);
  resting = setTimeout(rested, pause);
}

function rested() {
  clearTimeout(resting);
  resting = 0;
  if ((asked || "behind" in main().dataset) && !document.hidden) refresh();
}

function dark(words) {
  const light = document.querySelector(".light");
  light.textContent = words;
  light.className = "light off";
}

const stream = new EventSource(`/live?after=${main().dataset.seq}`);
stream.onmessage = () => (document.hidden ? (asked = true) : refresh());
stream.onerror = () => {
  dark("no answer");
  if (stream.readyState === EventSource.CLOSED) refresh(); // it was refused, and this page may be as well
};
stream.onopen = refresh;
document.addEventListener("stale", () => {
  asked = true; // what this person did is shown at once
  rested();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && asked) refresh();
});
