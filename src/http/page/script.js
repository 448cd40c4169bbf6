// What a screen can do beyond links and forms: copy texts. Without it, texts are selected by hand.
"use strict";

// Each block of class `copied` gets a button that copies its text.
for (const block of document.querySelectorAll(".copied")) {
  if (!navigator.clipboard) break;
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
