// What happens elsewhere: the stream brings numbers of tickets, and the page asks for what has changed. It never moves what is under the cursor.
"use strict";

let stream, tab, free, writing = "", typed, asking, changed = new Set(), moved = new Set();
const here = () => Number(openNumber()) || 0;
const tellOpen = () => document.body.dispatchEvent(new CustomEvent("ticket-news"));

function hear(numbers) {
  if (numbers.includes(here())) tellOpen();
  refreshRail();
  numbers.forEach((n) => n === here() || changed.add(n)); // the open one has a bar of its own
  showChanged();
}
function showChanged() {
  const bar = find("#list-news");
  if (!bar || !changed.size) return;
  bar.textContent = changed.size === 1 ? bar.dataset.one : bar.dataset.many.replace("%d", changed.size);
  bar.hidden = false;
}
// A fresh list shows what was known when it was asked for; what came while it was on its way keeps its bar.
document.addEventListener("htmx:beforeRequest", (e) => { e.detail.xhr.known = [...changed]; });
document.addEventListener("htmx:afterSwap", (e) => {
  if (e.detail.target.id !== "list") return;
  e.detail.xhr.known.forEach((n) => changed.delete(n));
  showChanged();
});

function listen() {
  if (!find("#rail") || stream) return;
  stream = new EventSource("/events");
  const on = (name, act) => stream.addEventListener(name, (e) => act(e.data));
  on("tab", (name) => { tab = name; sayHere(); });
  on("news", (data) => hear(JSON.parse(data).t ?? []));
  on("here", (data) => look(JSON.parse(data).t));
  on("bell", ring);
  on("again", () => { hear([here()].filter(Boolean)); lookAll(); ring(); });
}
// A hidden tab hangs up, since a browser has few connections to spend; where notifications are wanted, one of them stays on the line.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stream?.close();
    stream = undefined;
    if (self.Notification?.permission === "granted") navigator.locks?.request("ear", () => document.hidden && new Promise((done) => { free = done; listen(); }));
    return;
  }
  free?.();
  listen();
  sayHere();
  lookAll();
  refreshRail();
  tellOpen();
});

// Who is here: this tab says where it is and whether somebody writes; the page asks who else is.
function sayHere(writes = writing) {
  writing = writes;
  if (tab && stream) fetch("/here", { method: "POST", body: new URLSearchParams({ tab, ticket: document.hidden ? 0 : here(), writing }) });
}
document.addEventListener("input", (e) => {
  if (!e.target.matches(".write textarea")) return;
  clearTimeout(typed);
  typed = setTimeout(sayHere, 30000, "");
  if (!writing) sayHere("1");
});
document.addEventListener("htmx:afterSettle", ({ detail: { target: { id } } }) => {
  if (id === "work") { clearTimeout(typed); sayHere(""); }
  if (id === "work" || id === "list") lookAll();
});
function look(numbers) {
  numbers.forEach((n) => (n === here() || find("#here-" + n)) && moved.add(n));
  if (moved.size) asking ??= setTimeout(ask, 500);
}
function ask() {
  const query = new URLSearchParams([...moved].filter((n) => find("#here-" + n)).map((n) => ["t", n]));
  if (moved.has(here())) query.set("open", here());
  asking = undefined;
  moved.clear();
  htmx.ajax("GET", "/here?" + query, { source: "#rail", target: "#toasts", swap: "none" });
}
const lookAll = () => look([here(), ...all(".row").map((row) => Number(row.dataset.number))].filter(Boolean));

// The bell.
function ring() {
  const bell = find("#bell");
  if (bell) htmx.ajax("GET", `/notifications/new?after=${bell.dataset.newest}&open=${document.hidden ? 0 : here()}`, { source: bell, target: "#toasts", swap: "beforeend" });
}
document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  const { id, text, url } = elt.dataset ?? {};
  if (!text) return;
  setTimeout(() => elt.remove(), 8000);
  if (document.hidden && self.Notification?.permission === "granted") new Notification(text, { tag: id }).onclick = () => { focus(); location = url; };
});
const allowed = () => { for (const part of all("[data-permission]")) part.hidden = part.dataset.permission !== (self.Notification?.permission ?? "none"); };
document.addEventListener("click", (e) => { if (e.target.id === "allow") Notification.requestPermission().then(allowed); });

allowed();
listen();
lookAll();
