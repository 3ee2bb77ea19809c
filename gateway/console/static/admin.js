// Checks the configuration while it is edited. The page works without any of it.
"use strict";
(() => {
  const box = document.querySelector("[data-check]");
  if (!box) return;
  const found = document.getElementById(box.dataset.check);

  function goTo(line) {
    const lines = box.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
    box.focus();
    box.setSelectionRange(start, start + (lines[line - 1] || "").length);
    box.scrollTop = box.scrollHeight * Math.max(0, line - 5) / lines.length;
  }
  found.addEventListener("click", (e) => {
    const at = e.target.closest("[data-line]");
    if (!at) return;
    e.preventDefault();
    goTo(Number(at.dataset.line));
  });

  function paragraph(kind, ...parts) {
    const p = document.createElement("p");
    p.className = kind;
    p.append(...parts);
    return p;
  }
  function show(answer) {
    const parts = answer.faults.map((f) => {
      if (!f.line) return paragraph("fault", f.text);
      const link = document.createElement("a");
      link.href = "#text";
      link.dataset.line = f.line;
      link.textContent = `line ${f.line}`;
      return paragraph("fault", link, `: ${f.text}`);
    });
    if (!parts.length) {
      const says = document.createElement("pre");
      says.textContent = answer.says;
      says.tabIndex = 0;
      says.setAttribute("role", "region");
      says.setAttribute("aria-label", "What it means");
      parts.push(paragraph("ok", "Nothing is wrong with it."), says);
    }
    found.replaceChildren(...parts);
  }

  let waiting, asked = 0;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const mine = ++asked;
      const answer = await fetch("/admin/config/check", { method: "POST", body: new URLSearchParams({ text: box.value }) }).catch(() => null);
      if (mine !== asked) return; // a newer one is under way
      if (answer && answer.ok) show(await answer.json());
      else found.replaceChildren(paragraph("fault", "It could not be checked: no answer from the gateway."));
    }, 400);
  });
})();
