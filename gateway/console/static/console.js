// Keeps a page fresh, its clocks running, and calls for attention. The page
// works without any of it.
"use strict";
(() => {
  const body = document.body;

  // Clocks count on from the moment the server gave, by the server's time: a
  // machine at a desk may be minutes off.
  let ahead = Date.now() - Number(body.dataset.now);
  const two = (n) => String(n).padStart(2, "0");
  function tick() {
    for (const el of document.querySelectorAll("time[data-since]")) {
      const s = Math.max(0, Math.floor((Date.now() - ahead - Number(el.dataset.since)) / 1000));
      const text = s >= 86400 ? "over a day" : s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
      if (el.textContent !== text) el.textContent = text;
    }
  }
  // What a part says, without what differs each time it is made. What says the
  // same is left alone: a button that is replaced under the mouse takes no click.
  const says = (html) => html.replace(/(name="nonce" value=")[^"]*/g, "$1").replace(/(<time [^>]*data-since[^>]*>)[^<]*/g, "$1");
  const said = new Map();
  for (const part of document.querySelectorAll("[data-fresh]")) said.set(part.id, says(part.innerHTML));

  setInterval(tick, 1000);
  tick();

  // Writing: how many texts, and replies that are written often.
  let counting;
  document.addEventListener("input", (e) => {
    const out = e.target.dataset && document.getElementById(e.target.dataset.count || "");
    if (!out) return;
    clearTimeout(counting);
    counting = setTimeout(async () => {
      const answer = await fetch("/segments", { method: "POST", body: new URLSearchParams({ words: e.target.value }) }).catch(() => null);
      if (answer && answer.ok) out.textContent = await answer.text();
    }, 200);
  });
  document.addEventListener("click", (e) => {
    const into = e.target.closest("[data-into]");
    if (into) {
      const box = document.getElementById(into.dataset.into);
      const words = into.querySelector("span").textContent, was = box.value.trimEnd();
      box.value = was ? was + " " + words : words; // what she wrote stays
      box.focus();
      box.dispatchEvent(new Event("input", { bubbles: true }));
    }
    const copy = e.target.closest("[data-copy]");
    if (copy) {
      const box = document.getElementById(copy.dataset.copy);
      box.select();
      navigator.clipboard?.writeText(box.value).then(() => { copy.textContent = "Copied"; }, () => {});
    }
    if (e.isTrusted && "Notification" in window && Notification.permission === "default" && body.dataset.live !== undefined) Notification.requestPermission();
  });
  // What is said of an act that did not go, in sight wherever the page is scrolled to.
  function tell(words, link) {
    const main = document.getElementById("main");
    main.querySelector(":scope > .said")?.remove();
    const p = document.createElement("p");
    p.className = "said stays";
    p.setAttribute("role", "alert");
    main.prepend(p);
    p.append(words);
    if (link) p.append(" ", link);
  }
  // Words that somebody writes leave the page only once the gateway has them: it is
  // posted beside the page, which stays as it is where that is refused, or where no
  // answer comes. The same words again are then the same act, and go out once.
  const unsure = new Map(), busy = new Set(); // by what a form does
  async function post(form, by) {
    const fields = new URLSearchParams(new FormData(form, by));
    const what = [form.getAttribute("action"), fields.get("verb"), by && by.value].join(" "), words = fields.get("words");
    if (busy.has(what)) return;
    busy.add(what);
    const was = unsure.get(what);
    if (was && was.words === words) fields.set("nonce", was.nonce);
    const stay = writing(form);
    let says = null;
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", headers: { "X-Form": stay ? "stay" : "go" }, body: fields, signal: AbortSignal.timeout(15000) });
      if (answer.status === 401) { busy.delete(what); signedOut(); return; }
      says = await answer.json();
    } catch { /* it may have been taken */ }
    busy.delete(what);
    if (says && says.to) { location.assign(says.to); return; }
    if (says && says.said) {
      for (const f of document.getElementsByName("nonce")) f.value = says.nonce;
      for (const t of form.querySelectorAll("textarea")) { // the page may have taken over another form since
        const now = document.getElementById(t.id);
        if (now && now.value === t.value) now.value = "";
        t.value = "";
      }
      for (const d of form.closest("details") ? [form.closest("details")] : []) d.open = false;
    }
    if (says) unsure.delete(what); else unsure.set(what, { nonce: fields.get("nonce"), words });
    tell(says ? says.said || says.why : "No answer from the gateway. What you wrote is still here. Send it again: it goes out once.");
    fresh();
  }
  const writing = (but) => [...document.querySelectorAll("main textarea:not([readonly])")].some((t) => t.value.trim() && t.form !== but);
  function signedOut() {
    if (!writing()) { location.assign("/sign-in"); return; }
    body.classList.add("out"); // of the page, her own words stay alone
    const link = document.createElement("a");
    link.href = "/sign-in";
    link.target = "_blank";
    link.textContent = "Sign in in another tab";
    tell("You are signed out. What you wrote is still here.", link);
  }
  let fresh = () => {};
  // A second press of a button is not a second act.
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (form.querySelector("textarea[name=words]") || form.querySelector("[name=nonce]") && writing()) { e.preventDefault(); post(form, e.submitter); return; }
    if (form.dataset.sent) e.preventDefault();
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => { for (const f of document.forms) delete f.dataset.sent; });

  if (body.dataset.live === undefined) return;

  // Freshness: told that something changed, the page fetches itself and takes
  // over the parts marked so, leaving what is being written.
  function keep(part) {
    const kept = { focus: null, fields: new Map(), open: new Set(), written: new Set() };
    for (const f of part.querySelectorAll("textarea")) if (f.value.trim()) kept.written.add(f.id);
    for (const d of part.querySelectorAll("details[open]")) kept.open.add(d.id);
    for (const f of part.querySelectorAll("textarea, select, input:not([type=hidden])")) kept.fields.set(f.id, f.type === "checkbox" ? f.checked : f.value);
    const a = document.activeElement;
    if (a && part.contains(a)) kept.focus = { id: a.id, name: a.name, value: a.value, href: a.getAttribute("href"), from: a.selectionStart, to: a.selectionEnd };
    return kept;
  }
  // Somebody else has the case now, and with it the box she wrote in.
  function orphan(words) {
    const box = document.getElementById("kept-words");
    if (!box) return;
    box.value = box.value ? box.value + "\n" + words : words;
    document.getElementById("kept").hidden = false;
  }
  function restore(part, kept) {
    for (const id of kept.open) { const d = id && document.getElementById(id); if (d) d.open = true; }
    for (const [id, value] of kept.fields) {
      const f = id && document.getElementById(id);
      if (!f) { if (kept.written.has(id)) orphan(value); continue; }
      if (f.type === "checkbox") f.checked = value; else f.value = value;
    }
    const k = kept.focus;
    if (!k) return;
    const again = (k.id && document.getElementById(k.id)) || [...part.querySelectorAll("a,button")].find((el) => (k.href && el.getAttribute("href") === k.href) || (k.name && el.name === k.name && el.value === k.value));
    if (!again) return;
    again.focus({ preventScroll: true });
    if (k.from !== undefined && k.from !== null && again.setSelectionRange && again.tagName === "TEXTAREA") again.setSelectionRange(k.from, k.to);
  }
  let fetching = false, again = false, pressed = false;
  addEventListener("pointerdown", (e) => { pressed = e.button === 0; }, true);
  for (const end of ["pointerup", "pointercancel", "blur"]) {
    addEventListener(end, () => { pressed = false; setTimeout(() => { if (again && !fetching) { again = false; refresh(); } }); }, true);
  }
  async function refresh() {
    if (fetching || pressed) { again = true; return; }
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error" });
      if (answer.status === 401) { signedOut(); return; }
      body.classList.remove("out");
      if (!answer.ok) return;
      if (pressed) { again = true; return; }
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-fresh]")) {
        const now = next.getElementById(part.id);
        if (!now || says(now.innerHTML) === said.get(part.id)) continue;
        said.set(part.id, says(now.innerHTML));
        const kept = keep(part);
        part.className = now.className;
        part.replaceChildren(...[...now.childNodes].map((n) => document.importNode(n, true)));
        restore(part, kept);
      }
      ahead = Date.now() - Number(next.body.dataset.now);
      title = next.title;
      if (!flashing) document.title = title;
      tick();
    } catch { /* the connection tells */ } finally {
      fetching = false;
      if (again) { again = false; refresh(); }
    }
  }

  fresh = refresh;

  // Alarm: one more emergency that nobody has.
  let known = null, youngest = 0, flashing = null, title = document.title, audio = null;
  document.addEventListener("pointerdown", () => { audio = audio || new (window.AudioContext || window.webkitAudioContext)(); }, { once: true });
  function beep() {
    if (!audio) return;
    for (const [at, hz] of [[0, 880], [0.25, 660], [0.5, 880]]) {
      const o = audio.createOscillator(), g = audio.createGain();
      o.frequency.value = hz;
      g.gain.value = 0.2;
      o.connect(g).connect(audio.destination);
      o.start(audio.currentTime + at);
      o.stop(audio.currentTime + at + 0.2);
    }
  }
  function alarm(n) {
    document.getElementById("alarm").textContent = n === 1 ? "New emergency. Nobody has it yet." : `${n} emergencies that nobody has.`;
    beep();
    if ("Notification" in window && Notification.permission === "granted") new Notification("Tidegate: new emergency", { body: "Nobody has it yet.", tag: "tidegate-s1" });
    clearInterval(flashing);
    let on = false;
    flashing = setInterval(() => { on = !on; document.title = on ? `⚠ ${n} EMERGENCY` : title; }, 1000);
  }
  function count(n, newest) {
    if (known !== null && (n > known || newest > youngest)) alarm(n);
    youngest = Math.max(youngest, newest);
    if (n === 0 && flashing) { clearInterval(flashing); flashing = null; document.title = title; document.getElementById("alarm").textContent = ""; }
    known = n;
  }

  // Who writes just now. It is shown for a few seconds, and kept nowhere.
  const typing = document.getElementById("typing");
  let typed = 0, saidTyping = 0;
  function patientTypes() {
    if (!typing) return;
    typing.textContent = "The patient is writing…";
    clearTimeout(typed);
    typed = setTimeout(() => { typing.textContent = ""; }, 6000);
  }
  document.addEventListener("input", (e) => {
    if (e.target.id !== "reply" || !e.target.value.trim() || Date.now() - saidTyping < 3000) return;
    if (live && live.readyState === WebSocket.OPEN) { live.send("{}"); saidTyping = Date.now(); }
  });

  // The connection, which comes back by itself, a little later each time.
  const state = document.getElementById("live-state");
  const silence = 60000; // the gateway says something every 20 s
  let wait = 500, live = null, timer = 0, quiet = 0;
  function alive() {
    clearTimeout(quiet);
    quiet = setTimeout(drop, silence);
  }
  // A connection that brings nothing is dead, though a browser may take many
  // minutes to see it; an old list of cases must not look like a new one.
  function drop() {
    if (!live) return;
    live.onclose = null;
    live.close();
    lost();
  }
  function lost() {
    live = null;
    state.hidden = false;
    clearTimeout(timer);
    timer = setTimeout(connect, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, 10000);
  }
  function connect() {
    const ws = live = new WebSocket(`${location.origin.replace(/^http/, "ws")}/live?at=${encodeURIComponent(body.dataset.live)}`);
    alive();
    ws.onopen = () => { wait = 500; state.hidden = true; };
    ws.onmessage = (m) => {
      alive();
      const says = JSON.parse(m.data);
      if (says.typing) { patientTypes(); return; }
      count(says.s1, says.newest);
      if (says.changed) refresh();
    };
    ws.onclose = (e) => { if (e.code === 1008) signedOut(); lost(); };
  }
  addEventListener("offline", drop);
  addEventListener("online", () => { if (!live) { clearTimeout(timer); wait = 500; connect(); } });
  connect();
})();
