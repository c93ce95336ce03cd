// Pages for customers work without any script. This one tells the server the reader's zone, and keeps a form from being sent twice by a second click.
document.cookie = "zone=" + Intl.DateTimeFormat().resolvedOptions().timeZone + "; path=/; max-age=31536000; samesite=lax";
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("button")) setTimeout(() => (button.dataset.sent = button.disabled = true));
});
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[data-sent]")) button.disabled = false;
});
