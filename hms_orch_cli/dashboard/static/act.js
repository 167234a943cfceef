// What a person wants: a button asks first, shows the calls that an undo would make, and sends what the API takes.
const NAME = "hms-orch-name"; // where this browser keeps who sits before it
let counter = 0;

function make(kind, words, attributes = {}) {
  const made = document.createElement(kind);
  if (words) made.textContent = words;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function field(form, kind, name, words, attributes) {
  const id = `ask-${name}-${counter}`;
  const box = make("div", "", { class: "field" });
  const input = make(kind, "", { id, name, ...attributes });
  box.append(make("label", words, { for: id }), input);
  form.append(box);
  return input;
}

function shown(call) {
  const line = make("li");
  line.append(make("b", call.step), " ");
  const where = call.mode === "event" ? "saga.compensate, to be acknowledged" : `${call.method} ${call.service}:${call.path}`;
  line.append(make("code", where));
  if (!call.certain) line.append(make("small", " may have had no effect"));
  if (call.error) line.append(make("p", `cannot be filled in: ${call.error}`, { class: "wrong" }));
  if (call.body !== undefined && call.body !== null) {
    const more = make("details");
    more.append(make("summary", "body"), make("pre", JSON.stringify(call.body, null, 2).slice(0, 4000)));
    line.append(more);
  }
  return line;
}

async function plan(place, address) {
  place.append(make("p", "looking …", { class: "hint" }));
  try {
    const answer = await fetch(address);
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail);
    const list = make("ol", "", { class: "plan" });
    list.append(...told.calls.map(shown));
    place.replaceChildren(told.calls.length ? list : make("p", "Nothing has taken effect: no call is made.", { class: "hint" }));
  } catch (error) {
    place.replaceChildren(make("p", error.message || "no answer", { class: "wrong" }));
  }
}

function ask(button) {
  const told = button.dataset;
  counter += 1;
  const dialog = make("dialog", "", { class: "ask", "aria-labelledby": `ask-title-${counter}` });
  const form = make("form", "", { method: "dialog" });
  form.append(make("h2", told.title, { id: `ask-title-${counter}` }), make("p", told.says));
  if (told.warns) form.append(make("p", told.warns, { class: "warns" }));
  if (told.plan) {
    const place = make("div", "", { class: "plans", "aria-live": "polite" });
    form.append(place);
    plan(place, told.plan);
  }
  const needs = told.note === "needed";
  const note = field(form, "textarea", "note", needs ? "Why? It stays in the log." : "Why? (may stay empty)", {
    maxlength: 500, ...(needs ? { required: "" } : {}),
  });
  const output = told.output && field(form, "textarea", "output", "What the step would have answered, as JSON (may stay empty)", { class: "mono", spellcheck: "false" });
  const who = document.querySelector("[data-actor]") ? null : field(form, "input", "actor", "Your name", { maxlength: 200, autocomplete: "name" });
  if (who) who.value = localStorage.getItem(NAME) ?? "";
  const wrong = make("p", "", { class: "wrong", role: "alert" });
  const go = make("button", told.sure || button.textContent, { class: `button main${button.matches(".grave") ? " grave" : ""}`, type: "submit" });
  const back = make("button", "Back", { class: "button", type: "button" });
  back.onclick = () => dialog.close();
  const row = make("div", "", { class: "row" });
  row.append(go, back);
  form.append(wrong, row);
  form.onsubmit = (event) => {
    event.preventDefault();
    send(dialog, told, { note, output, who, go, wrong });
  };
  dialog.append(form);
  dialog.onclose = () => {
    dialog.remove();
    document.dispatchEvent(new Event("stale")); // nothing has moved while it was open
  };
  document.body.append(dialog);
  dialog.showModal();
  note.focus();
}

async function send(dialog, told, { note, output, who, go, wrong }) {
  const wish = { ...(told.body ? JSON.parse(told.body) : {}), note: note.value.trim() };
  if (who?.value.trim()) {
    wish.actor = who.value.trim();
    localStorage.setItem(NAME, wish.actor);
  }
  try {
    if (output?.value.trim()) wish.output = JSON.parse(output.value);
  } catch {
    wrong.textContent = "What the step would have answered is no JSON.";
    return;
  }
  go.disabled = true;
  try {
    const answer = await fetch(told.post, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wish) });
    const said = answer.status === 204 ? {} : await answer.json();
    if (!answer.ok) {
      wrong.textContent = [said.detail, said.hint].filter(Boolean).join("; ") || `${answer.status}`;
      return;
    }
    dialog.close();
    if (told.follow && said[told.follow]) location.assign(`/runs/${encodeURIComponent(said[told.follow])}`);
    else document.dispatchEvent(new Event("stale"));
  } catch {
    wrong.textContent = "No answer: hms-orch does not run, or is out of reach.";
  } finally {
    go.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-ask]");
  if (button) ask(button);
});
