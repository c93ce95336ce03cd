// The browser's part of a form about a passkey. Without it such a form stays hidden, and the other ways on the page remain.
"use strict";

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const keys = window.PublicKeyCredential, [asked, answer] = form.querySelectorAll("[name$=_challenge], [name$=_answer]"), making = "make" in form.dataset;
  if (!keys?.parseRequestOptionsFromJSON) continue;
  form.hidden = false;
  form.addEventListener("submit", async (e) => {
    if (answer.value) return;
    e.preventDefault();
    const said = form.querySelector("[role=alert]");
    said.textContent = "";
    try {
      const got = await fetch(form.dataset.passkey, { method: "POST", headers: { Accept: "application/json" } });
      if (!got.headers.get("Content-Type")?.includes("json")) return location.reload(); // it asks for something else first
      const { challenge, options, reason } = await got.json();
      if (reason) throw new Error(reason);
      const publicKey = making ? keys.parseCreationOptionsFromJSON(options) : keys.parseRequestOptionsFromJSON(options);
      const made = await (making ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
      asked.value = challenge;
      answer.value = JSON.stringify(made);
      form.submit();
    } catch (error) {
      said.textContent = error instanceof DOMException ? form.dataset.failed : error.message;
    }
  });
}
