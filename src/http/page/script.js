// What a screen can do beyond links and forms: copy texts. Without it, texts are selected by hand.
"use strict";

// Each block of class `copied` gets a button that copies its text.
function offerCopies(root) {
  if (navigator.clipboard) root.querySelectorAll(".copied").forEach(offerCopy);
}

function offerCopy(block) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.textContent = "Copy";
  const label = block.dataset.label;
  if (label) button.setAttribute("aria-label", `Copy ${label}`);
  button.addEventListener("click", async () => {
    const text = block.querySelector("pre, code").textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not copied";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.append(button);
}

offerCopies(document);

// Exports: the request follows the form, and an export in progress is shown as it goes on.

// Asks this server for a part of a screen; null where it gives none, undefined where it does not answer.
async function partOf(url, signal) {
  try {
    const answer = await fetch(url, { credentials: "same-origin", signal });
    if (!answer.ok) return null;
    return new DOMParser().parseFromString(await answer.text(), "text/html").body;
  } catch {
    return undefined;
  }
}

// A form with `data-shows` shows in the block of that id what it amounts to.
for (const form of document.querySelectorAll("form[data-shows]")) {
  const block = document.getElementById(form.dataset.shows);
  let timer = 0;
  let asking = null;
  const follow = async () => {
    if (asking) asking.abort();
    asking = new AbortController();
    const query = new URLSearchParams(new FormData(form));
    query.set("part", form.dataset.shows);
    const part = await partOf(`${form.action}?${query}`, asking.signal);
    if (!part) return;
    block.replaceChildren(...part.childNodes);
    offerCopies(block);
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(follow, 300);
  });
}

// What is chosen here checks the radio button that it belongs to.
for (const input of document.querySelectorAll("[data-checks]")) {
  input.addEventListener("input", () => {
    if (input.value) document.getElementById(input.dataset.checks).checked = true;
  });
}

// A block with `data-live` is asked for each second, until what it shows is over.
for (const block of document.querySelectorAll("[data-live]")) {
  const url = new URL(location.href);
  url.searchParams.set("part", block.dataset.live);
  const follow = async () => {
    const part = await partOf(url);
    if (part === undefined) {
      setTimeout(follow, 1000);
      return;
    }
    const state = part && part.querySelector("[data-state]");
    if (!state) {
      location.reload();
      return;
    }
    // The sentence stays the same element, so that screen readers tell when it changes.
    const sentence = block.querySelector("[data-state]");
    if (sentence.textContent !== state.textContent) sentence.textContent = state.textContent;
    if (state.dataset.state === "running") {
      const [bar, now] = [block.querySelector("progress"), part.querySelector("progress")];
      if (bar && now) bar.value = now.value;
      else if (now) sentence.after(now);
      setTimeout(follow, 1000);
      return;
    }
    sentence.dataset.state = state.dataset.state;
    state.remove();
    while (sentence.nextSibling) sentence.nextSibling.remove();
    sentence.after(...part.childNodes);
    offerCopies(block);
  };
  setTimeout(follow, 1000);
}
