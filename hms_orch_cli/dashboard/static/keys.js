// The keyboard: places by two letters, the list by j and k, and a dialog that says so.
const PLACES = { r: "/", h: "/hitl", l: "/locks", d: "/definitions", c: "/charts", s: "/services" };
const KEYS = [
  ["/", "search"],
  ["j  k", "next and previous in the list"],
  ["Enter", "open it"],
  ["g r", "runs"],
  ["g h", "decisions (HITL)"],
  ["g l", "locks"],
  ["g d", "definitions"],
  ["g c", "charts"],
  ["g s", "services"],
  ["?", "these keys"],
];
let going = false;

function help() {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  const title = document.createElement("h2");
  title.id = "keys-title";
  title.textContent = "Keys";
  dialog.setAttribute("aria-labelledby", title.id);
  const list = document.createElement("dl");
  list.className = "keys";
  for (const [key, what] of KEYS) {
    const term = document.createElement("dt");
    for (const part of key.split(/\s+/)) {
      const cap = document.createElement("kbd");
      cap.textContent = part;
      term.append(cap, " ");
    }
    const says = document.createElement("dd");
    says.textContent = what;
    list.append(term, says);
  }
  const close = document.createElement("button");
  close.className = "button";
  close.textContent = "Close";
  close.onclick = () => dialog.close();
  dialog.append(title, list, close);
  dialog.onclose = () => dialog.remove();
  document.body.append(dialog);
  dialog.showModal();
}

function step(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  const at = rows.indexOf(document.activeElement);
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog")) return;
  if (going) {
    going = false;
    if (PLACES[event.key]) location.assign(PLACES[event.key]);
  } else if (event.key === "g") going = true;
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "?") help();
  else if (event.key === "/") {
    const search = document.querySelector("input[type=search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  }
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-keys]")) help();
});
