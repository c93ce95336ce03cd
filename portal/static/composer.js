// What the composer gains by script: chips, menus under the cursor, dropped files, a scale, keys. Every form works without.
"use strict";

const box = () => find("#composer"), shown = () => (box()?.matches("form") ? box() : all("form.write", box() ?? document).find((f) => f.offsetParent));
const tell = (form) => form.dispatchEvent(new Event("change", { bubbles: true }));

// A menu of offers under a field. The newest question wins.
let menu, asked;
function shut() { menu?.field.removeAttribute("aria-activedescendant"); if (menu?.field.role) menu.field.ariaExpanded = "false"; menu?.remove(); menu = asked = undefined; }
async function offer(field, url, take) {
  const mine = asked = {}, html = await (await fetch(url)).text();
  if (mine !== asked) return;
  shut();
  if (!html.trim()) return;
  menu = Object.assign(document.createElement("ul"), { className: "offers", id: "offers", innerHTML: html, field, take });
  menu.role = "listbox";
  menu.ariaLabel = field.ariaLabel ?? field.name;
  field.after(menu);
  if (field.role) field.ariaExpanded = "true";
  pick(0);
}
function pick(n) {
  const offers = [...menu.children], at = (n + offers.length) % offers.length;
  offers.forEach((one, i) => { one.ariaSelected = i === at; });
  menu.at = at;
  menu.field.setAttribute("aria-activedescendant", offers[at].id);
  offers[at].scrollIntoView({ block: "nearest" });
}
function choose(one) { const { take } = menu; shut(); take(one.dataset.value); }
document.addEventListener("keydown", (e) => {
  if (!menu || e.target !== menu.field) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (step) pick(menu.at + step);
  else if (e.key === "Escape") shut();
  else if (e.key === "Enter" && !e.ctrlKey && !e.metaKey || e.key === "Tab") choose(menu.children[menu.at]);
  else return;
  e.preventDefault();
  e.stopImmediatePropagation();
}, true);
document.addEventListener("pointerdown", (e) => {
  const one = menu && e.target.closest("#offers li");
  if (one) { e.preventDefault(); choose(one); } else shut();
});

// Addresses as chips. The field itself stays, hidden, and is what is sent.
function chips(real) {
  const remove = real.dataset.people;
  delete real.dataset.people; // once is enough
  const typed = real.cloneNode(), list = Object.assign(document.createElement("span"), { className: "chips" });
  let people = [];
  typed.removeAttribute("name");
  typed.role = "combobox";
  typed.ariaExpanded = "false";
  typed.setAttribute("aria-controls", "offers");
  real.removeAttribute("id");
  real.type = "hidden";
  real.before(list);
  list.append(typed);
  const keep = () => { real.value = [...people, typed.value.trim()].filter(Boolean).join(", "); };
  const draw = () => {
    all(".chip", list).forEach((chip) => chip.remove());
    typed.before(...people.map((one, i) => {
      const chip = Object.assign(document.createElement("button"), { type: "button", className: "chip", title: one, textContent: one.replace(/\s*<.*/, "").replace(/^"|"$/g, "") || one });
      chip.ariaLabel = remove.replace("%s", one);
      chip.onclick = () => { people.splice(i, 1); draw(); typed.focus(); tell(real.form); };
      return chip;
    }));
    keep();
  };
  const add = (text) => { people.push(...(text.match(/("(\\.|[^"])*"|[^,;\n])+/g) ?? []).map((one) => one.trim()).filter(Boolean)); typed.value = ""; draw(); };
  real.fill = (text) => { people = []; add(text); };
  typed.addEventListener("input", () => {
    keep();
    const q = typed.value.trim();
    if (/@.*[,;]$/.test(q)) add(q);
    else if (q.length > 1) offer(typed, `/suggest/people?ticket=${box().dataset.ticket ?? 0}&q=${encodeURIComponent(q)}`, (one) => { add(one); tell(real.form); });
    else shut();
  });
  typed.addEventListener("keydown", (e) => {
    if (e.key === "Backspace" && !typed.value && people.pop()) { draw(); tell(real.form); }
    if (e.key === "Enter" && !e.ctrlKey && !e.metaKey) { e.preventDefault(); add(typed.value); }
  });
  typed.addEventListener("blur", () => { shut(); if (typed.value.includes("@")) add(typed.value); });
  real.fill(real.value);
}

// @ in a note calls a colleague, / at the start of a line a canned reply.
document.addEventListener("input", (e) => {
  const text = e.target, form = text.closest?.("form.write");
  if (!form || text.type !== "textarea") return;
  const word = called(text);
  if (!word) { shut(); return; }
  const q = encodeURIComponent(word.slice(1));
  offer(text, word[0] === "@" ? "/suggest/colleagues?q=" + q : `/suggest/canned?ticket=${box().dataset.ticket ?? 0}&q=${q}`, (value) => insert(text, value, called(text).length));
});
function called(text) {
  const before = text.value.slice(0, text.selectionStart);
  return (text.id === "note-text" && /(?<=^|[\s(])@[\p{L}\p{N}.-]* ?[\p{L}\p{N}.-]*$/u.exec(before) || /(?<=^|\n)\/[\p{L}\p{N}-]*$/u.exec(before) || [""])[0];
}
function insert(text, value, over = 0) {
  text.focus();
  text.setRangeText(value, text.selectionStart - over, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input", { bubbles: true }));
}

// Files: dropped or pasted ones go the way of the button, and a scale says how much a mail still takes.
const attach = (e, data) => {
  const input = find('input[type="file"]', shown() ?? document);
  if (!input || !e.target.closest?.("#composer") || !data?.files.length) return;
  e.preventDefault();
  input.files = data.files;
  tell(input);
};
document.addEventListener("dragover", (e) => { if (e.target.closest?.("#composer")) e.preventDefault(); box()?.classList.toggle("dropping", e.defaultPrevented); });
document.addEventListener("dragleave", () => box()?.classList.remove("dropping"));
document.addEventListener("drop", (e) => { box()?.classList.remove("dropping"); attach(e, e.dataTransfer); });
document.addEventListener("paste", (e) => attach(e, e.clipboardData));
function weigh(form) {
  const scale = find(".weight", form), used = all("[data-size]:checked", form).reduce((sum, one) => sum + Number(one.dataset.size), 0);
  if (!scale) return;
  scale.hidden = !used;
  scale.firstElementChild.value = used;
  scale.lastElementChild.textContent = scale.dataset.says.replace("%s", (used / 1e6).toFixed(1) + " MB");
  scale.classList.toggle("over", used > scale.firstElementChild.max);
}
document.addEventListener("change", (e) => {
  const form = e.target.closest?.("form.write");
  if (!form) return;
  weigh(form);
  if (e.target.name !== "mailbox") return;
  const below = find(".signature", form), { below: text } = e.target.selectedOptions[0].dataset;
  if (!below) return;
  below.hidden = !text;
  below.lastElementChild.textContent = text;
});

// What was typed in the last two seconds is kept when the reader goes elsewhere.
const unsaved = new Set();
document.addEventListener("input", (e) => { const form = e.target.closest?.("form.write:not(.new)"); if (form) unsaved.add(form); });
document.addEventListener("htmx:beforeRequest", (e) => { if (e.target.matches("form.write")) unsaved.delete(e.target); });
document.addEventListener("htmx:afterRequest", (e) => { if (e.target.matches(".saved")) unsaved.delete(e.target.closest("form")); });
function flush() {
  for (const form of unsaved) {
    const data = new FormData(form);
    data.delete("file");
    navigator.sendBeacon(form.action.replace(/\w+$/, "draft"), data);
  }
  unsaved.clear();
}
addEventListener("pagehide", flush);
document.addEventListener("submit", (e) => unsaved.delete(e.target));
document.addEventListener("htmx:beforeSwap", (e) => { if (e.detail.target.id === "work") flush(); });

// Whom an answer goes to is chosen without losing a word.
const whom = (key) => find(`[data-whom="${key}"]`);
document.addEventListener("click", (e) => {
  const link = e.target.closest("[data-whom]"), one = e.target.closest("[data-insert]");
  if (one) { e.preventDefault(); insert(find("textarea", shown()), one.dataset.insert); one.closest("details").open = false; }
  if (!link) return;
  e.preventDefault();
  const form = link.closest("form");
  for (const name of ["to", "cc"]) find(`[name="${name}"]`, form).fill(link.dataset[name]);
  find(".recipients-line", form).textContent = [link.dataset.to, link.dataset.cc].filter(Boolean).join(" · Cc ");
  all("[data-whom]", form).forEach((other) => { other.ariaCurrent = other === link ? "true" : null; });
  tell(form);
});
keys.r = () => { write("reply"); whom("r")?.click(); };
keys.a = () => { write("reply"); whom("a")?.click(); };
keys.f = () => { find("#tab-forward")?.click(); find("#forward-to")?.focus(); };

function dress(root) { all("input[data-people]", root).forEach(chips); all("form.write", root).forEach(weigh); }
document.addEventListener("htmx:load", (e) => { dress(e.detail.elt); if (e.detail.elt.matches?.("form.forward")) find("#forward-to")?.focus(); });
document.addEventListener("htmx:afterSwap", (e) => { if (e.detail.target.matches(".uploads")) weigh(e.detail.target.closest("form")); });
dress(document);
