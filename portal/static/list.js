// The list: what is selected with x, with a click, and with shift from the last one to here.
"use strict";

{ // its names are its own
  let lastTicked;
  const ticks = () => all('#list input[name="n"]');
  function tick(box, on, range) {
    const list = ticks(), from = list.indexOf(lastTicked), to = list.indexOf(box);
    const some = range && from >= 0 ? list.slice(Math.min(from, to), Math.max(from, to) + 1) : [box];
    for (const one of some) one.checked = on;
    lastTicked = box;
    tally();
  }
  function tally() {
    const whole = find("[data-all]"), said = find("[data-tally]");
    if (!whole) return;
    const list = ticks(), count = list.filter((box) => box.checked).length;
    whole.hidden = false;
    whole.checked = count > 0 && count === list.length;
    whole.indeterminate = count > 0 && count < list.length;
    said.textContent = count === 1 ? said.dataset.one : said.dataset.many.replace("%d", count);
  }
  document.addEventListener("click", (e) => { if (e.target.matches('#list input[name="n"]')) tick(e.target, e.target.checked, e.shiftKey); });
  document.addEventListener("change", (e) => {
    if (!e.target.matches("[data-all]")) return;
    for (const box of ticks()) box.checked = e.target.checked;
    tally();
  });
  const pick = (range) => {
    const row = document.activeElement.closest(".rows li") ?? find(".row[aria-current]")?.closest("li"), box = row && find('input[name="n"]', row);
    if (box) tick(box, range || !box.checked, range);
  };
  keys.x = () => pick(false);
  keys.X = () => pick(true);
  document.addEventListener("htmx:afterSettle", (e) => { if (e.detail.target.id === "list" || e.detail.target.id === "main") tally(); });
  // A field of the filter is at hand again after the list has come anew.
  document.addEventListener("htmx:afterSwap", (e) => { if (e.detail.requestConfig.elt?.matches?.(".filters form")) document.getElementById(e.detail.requestConfig.triggeringEvent?.target?.id)?.focus(); });
  tally();
}
