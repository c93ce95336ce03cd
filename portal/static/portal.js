// What makes the portal quick. Every action also works without this file: it only presses the buttons and follows the links that the page has.
"use strict";

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const openNumber = () => find(".ticket")?.dataset.number;

// The server writes times in the reader's own zone, which only the browser knows.
document.cookie = "zone=" + Intl.DateTimeFormat().resolvedOptions().timeZone + "; path=/; max-age=31536000; samesite=lax";
// The whole of a time shows when somebody points at it.
const full = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "full", timeStyle: "long" });
document.addEventListener("pointerover", (e) => { const time = e.target.closest?.("time"); if (time && !time.title) time.title = full.format(new Date(time.dateTime)); });

// The row of the open ticket is marked, and the newest message is in sight.
function settle(moved) {
  for (const row of all(".row")) {
    if (row.dataset.number === openNumber()) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  const cards = all(".card"), pane = find(".conversation");
  if (moved && pane && cards.length > 1 && pane.scrollHeight > pane.clientHeight) {
    pane.scrollTop += cards.at(-1).getBoundingClientRect().top - pane.getBoundingClientRect().top - find(".ticket-head").offsetHeight - 12;
  }
}

function countdown() {
  for (const left of all("[data-countdown]")) left.textContent = Math.max(0, Number(left.textContent) - 1);
}

let railTimer;
function refreshRail() {
  clearTimeout(railTimer);
  railTimer = setTimeout(() => {
    const here = find("#rail-links [aria-current]"), url = new URL(location.href);
    const query = url.pathname.startsWith("/tickets") ? url.search.slice(1) : "place=" + encodeURIComponent(here?.getAttribute("href") ?? url.pathname);
    htmx.ajax("GET", "/rail?" + query, { target: "#rail-links", swap: "outerHTML" });
  }, 300);
}

document.addEventListener("htmx:afterRequest", (e) => {
  if (e.detail.requestConfig.verb === "get" || !e.detail.successful || !e.detail.target?.matches("#work")) return;
  if (find("#list")) htmx.trigger("#list", "refresh");
  refreshRail();
});
document.addEventListener("htmx:load", (e) => {
  ready(e.detail.elt);
  const work = e.detail.elt.matches?.("#work") || find("#work", e.detail.elt);
  if (work || e.detail.elt.matches?.("#list")) settle(Boolean(work));
});
// A file input is empty again once its files are on the server, so that they are not sent twice.
document.addEventListener("htmx:afterOnLoad", (e) => {
  if (e.detail.elt.type !== "file") return;
  e.detail.elt.value = "";
  e.detail.elt.form.dispatchEvent(new Event("change", { bubbles: true }));
});

// What a page needs once it is there: copy buttons, and those that show a password.
function ready(root) {
  for (const button of all("[data-reveal]", root)) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.reveal), shown = field.type === "text";
      field.type = shown ? "password" : "text";
      button.ariaPressed = !shown;
    });
  }
  for (const button of all("[data-copy]", root)) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(find("[data-copy-source]", button.parentElement).textContent);
      const says = button.textContent;
      button.textContent = button.dataset.copied;
      setTimeout(() => { button.textContent = says; }, 2000);
    });
  }
}

document.addEventListener("click", (e) => e.target.closest(".toast")?.remove());

// Keys press what is on the page.
const press = (selector) => { const control = find(selector); control?.focus(); control?.click(); };
const write = (tab) => { const choice = find("#tab-" + tab); if (choice) { choice.checked = true; find(`#${tab}-text`).focus(); } };
const step = (by) => {
  const rows = all(".row"), from = rows.findIndex((row) => row === document.activeElement || (row.ariaCurrent && !document.activeElement?.matches(".row")));
  const row = rows[Math.min(rows.length - 1, Math.max(0, from + by))];
  row?.focus();
  if (row && openNumber() && matchMedia("(min-width: 800px)").matches) row.click();
};
const panelField = (selector) => { const panel = find("#panel"); if (panel && getComputedStyle(panel).display === "none") panel.showPopover(); find(selector)?.focus(); };
const keys = {
  j: () => step(1), k: () => step(-1), o: () => document.activeElement?.matches(".row") && document.activeElement.click(),
  u: () => press(".ticket-head .back"), n: () => write("note"),
  e: () => press("[data-key=e]"), m: () => press("[data-key=m]"), A: () => find("#assignee")?.focus(),
  z: () => press("[data-key=z]"), l: () => panelField("#tags"), p: () => panelField("#priority"), "/": () => find(".search input")?.focus(), "?": () => find("#keys")?.togglePopover(),
};
let went = 0;
document.addEventListener("keydown", (e) => {
  const inField = e.target.closest("input:not([type=checkbox], [type=radio]), textarea, select");
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { const form = e.target.closest(".write, .stack"); find(".primary", form ?? document)?.click(); return; }
  if (inField) { if (e.key === "Escape") inField.blur(); return; }
  if (e.ctrlKey || e.metaKey || e.altKey || localStorage.getItem("keys") === "off" && e.key !== "?") return;
  if (Date.now() - went < 1000) { went = 0; const place = find(`[data-go="${CSS.escape(e.key)}"]`); if (place) { e.preventDefault(); place.click(); return; } }
  if (e.key === "g") { went = Date.now(); return; }
  const act = keys[e.key];
  if (act) { e.preventDefault(); act(); }
});
// One box ticks all of a list, and says how many are.
function countTicked() {
  const boxes = all(`input[name="${find("[data-tick]").dataset.tick}"]`), count = boxes.filter((box) => box.checked).length, whole = find("[data-tick]");
  whole.checked = count > 0 && count === boxes.length;
  whole.indeterminate = count > 0 && count < boxes.length;
  const says = find("[data-ticked]");
  says.textContent = count ? says.dataset.ticked.replace("%d", count) : says.dataset.all;
}
document.addEventListener("change", (e) => {
  if (e.target.matches("[data-tick]")) for (const box of all(`input[name="${e.target.dataset.tick}"]`)) box.checked = e.target.checked;
  if (find("[data-tick]")) countTicked();
});
document.addEventListener("change", (e) => { if (e.target.id === "keys-on") localStorage.setItem("keys", e.target.checked ? "on" : "off"); });

ready(document);
settle(true);
setInterval(countdown, 1000);
if (find("[data-tick]")) { for (const part of all("[data-tick], [data-ticked]")) part.hidden = false; countTicked(); }
if (find("#keys-on")) find("#keys-on").checked = localStorage.getItem("keys") !== "off";
setTimeout(() => all("#toasts .toast:not(.bad)").forEach((toast) => toast.remove()), 6000);
