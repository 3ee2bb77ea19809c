// The patient's chat. What comes from the network is written with textContent
// only; nothing of a conversation is kept outside this page's memory.
(() => {
  "use strict";
  const settings = /*SETTINGS*/ {};
  const tag = document.currentScript;
  const base = new URL("./", tag.src);
  const words = {
    en: {
      open: "Chat with us", close: "Close chat", end: "End chat", language: "Language", log: "Messages",
      emergency: "In an emergency call {emergency}. Do not wait for an answer here.",
      number: "A phone number where we can call you", numberWhy: "If the chat breaks off we can still reach you.",
      save: "Save number", skip: "No number", bad: "This does not look like a phone number.", saved: "We will call {number} if needed.",
      call: "My phone number is {number}",
      message: "Your message", send: "Send", you: "You", agent: "Automated assistant", nurse: "Staff", fixed: "{clinic}", safety: "Important",
      connecting: "Connecting…", off: "Not connected. What you wrote is not lost and is sent when the connection is back. To reach us now call {phone}.",
      refused: "The chat cannot be opened now. Please call {phone}.", pending: "not sent yet",
      whoAgent: "Connected. An automated assistant answers.", whoWaiting: "Connected. Our staff are asked to read this.",
      whoNurse: "Connected. A person on our staff answers.", typing: "An answer is being written…", ended: "The chat is ended on this device.",
      attach: "Send a photo or PDF", photo: "Photo", file: "File", filePending: "not sent yet. Keep this page open.",
      large: "Not sent: the file is larger than 5 MB. Send a smaller one, or call {phone}.",
      type: "Not sent: only photos and PDF files can be sent here. You can also call {phone}.",
      empty: "Not sent: the file is empty.", many: "Not sent: too many files for now. Write what it shows, or call {phone}.",
      no_files: "Not sent: this chat takes no files. Call {phone}.",
    },
    es: {
      open: "Escríbanos", close: "Cerrar el chat", end: "Terminar el chat", language: "Idioma", log: "Mensajes",
      emergency: "En una emergencia llame al {emergency}. No espere una respuesta aquí.",
      number: "Un teléfono donde podamos llamarle", numberWhy: "Si el chat se corta, todavía podremos localizarle.",
      save: "Guardar número", skip: "Sin número", bad: "Esto no parece un número de teléfono.", saved: "Llamaremos al {number} si hace falta.",
      call: "Mi teléfono es {number}",
      message: "Su mensaje", send: "Enviar", you: "Usted", agent: "Asistente automatizado", nurse: "Personal", fixed: "{clinic}", safety: "Importante",
      connecting: "Conectando…", off: "Sin conexión. Lo que escribió no se pierde y se envía cuando vuelva la conexión. Para hablar ahora llame al {phone}.",
      refused: "El chat no se puede abrir ahora. Por favor llame al {phone}.", pending: "no enviado todavía",
      whoAgent: "Conectado. Contesta un asistente automatizado.", whoWaiting: "Conectado. Pedimos a nuestro personal que lea esto.",
      whoNurse: "Conectado. Contesta una persona de nuestro personal.", typing: "Se está escribiendo una respuesta…", ended: "El chat terminó en este dispositivo.",
      attach: "Enviar una foto o un PDF", photo: "Foto", file: "Archivo", filePending: "no enviado todavía. No cierre esta página.",
      large: "No se envió: el archivo pasa de 5 MB. Envíe uno más pequeño o llame al {phone}.",
      type: "No se envió: aquí solo se pueden enviar fotos y archivos PDF. También puede llamar al {phone}.",
      empty: "No se envió: el archivo está vacío.", many: "No se envió: son demasiados archivos por ahora. Escriba lo que se ve o llame al {phone}.",
      no_files: "No se envió: este chat no recibe archivos. Llame al {phone}.",
    },
  };
  const languages = settings.languages.filter((l) => words[l]);
  if (languages.length === 0) languages.push("en");

  // What is known. Nothing of it outlives the page.
  let lang = [tag.dataset.lang, document.documentElement.lang.slice(0, 2), languages[0]].find((l) => languages.includes(l));
  let token = "", cursor = 0, seen = 0, tries = 0, socket = null, timer = 0, watch = 0, quiet = 0, state = null;
  let number = "", callBackSent = false, talked = false, wanted = false, statusKey = "connecting";
  let personTypes = 0, saidTyping = 0; // the timer that ends it; when it was last said that the visitor types
  const pending = new Map(); // client_id → {text or file, item, note}
  const shown = new Map(); // client_id → item: what stands here already, until it comes back as a message

  const say = (key, more) => (words[lang][key] || "").replace(/\{(\w+)\}/g, (_, k) => ({ ...settings, ...more })[k] || "");
  const make = (name, cls, attrs) => {
    const e = document.createElement(name);
    if (cls) e.className = cls;
    for (const [k, v] of Object.entries(attrs || {})) e.setAttribute(k, v);
    return e;
  };

  // The page's parts.
  const mount = tag.dataset.mount && document.getElementById(tag.dataset.mount);
  const root = make("div", "tidegate-chat");
  const opener = make("button", "tidegate-open tidegate-main", { type: "button", "aria-expanded": "false", "aria-controls": "tidegate-panel" });
  const panel = make("section", "tidegate-panel " + (mount ? "tidegate-inline" : "tidegate-float"),
    { id: "tidegate-panel", role: mount ? "region" : "dialog", "aria-labelledby": "tidegate-title" });
  const head = make("div", "tidegate-head");
  const title = make("h2", mount ? "tidegate-hidden" : "", { id: "tidegate-title" });
  const picker = make("select"), pickerLabel = make("label", "tidegate-hidden", { for: "tidegate-lang" });
  const ender = make("button", "", { type: "button" }), closer = make("button", "", { type: "button" });
  const note = make("p", "tidegate-note");
  const status = make("p", "tidegate-status", { role: "status" });
  const log = make("div", "tidegate-log", { role: "log", tabindex: "0" });
  const typing = make("p", "tidegate-typing", { "aria-live": "off" });
  const callForm = make("form", "tidegate-form", { novalidate: "" });
  const callLabel = make("label", "", { for: "tidegate-number" });
  const callInput = make("input", "", { id: "tidegate-number", type: "tel", autocomplete: "tel", maxlength: "40", "aria-describedby": "tidegate-number-note" });
  const callSave = make("button", "", { type: "submit" }), callSkip = make("button", "", { type: "button" });
  const callNote = make("p", "tidegate-good", { id: "tidegate-number-note", role: "status" });
  const form = make("form", "tidegate-form");
  const label = make("label", "", { for: "tidegate-text" });
  const input = make("textarea", "", { id: "tidegate-text", rows: "2", maxlength: String(settings.length), autocomplete: "off" });
  const sender = make("button", "tidegate-main", { type: "submit" });
  const attach = make("button", "tidegate-attach", { type: "button" });
  const chooser = make("input", "", { type: "file", accept: settings.files.join(","), hidden: "" }); // the button opens it, for keys and readers too

  picker.id = "tidegate-lang";
  for (const l of languages) {
    const o = make("option", "", { value: l, lang: l });
    o.textContent = { en: "English", es: "Español" }[l];
    picker.append(o);
  }
  picker.value = lang;
  title.textContent = settings.title;
  head.append(title, pickerLabel, picker, ender);
  if (!mount) head.append(closer);
  if (languages.length < 2) picker.hidden = pickerLabel.hidden = true;
  callForm.append(callLabel, callInput, callSave, callSkip, callNote);
  form.append(label, input, sender);
  if (settings.files.length > 0) label.after(attach, chooser);
  panel.append(head, note, status, callForm, log, typing, form);
  panel.hidden = !mount;
  if (mount) root.append(panel); else root.append(panel, opener);

  const relabel = () => {
    root.lang = lang;
    opener.textContent = panel.hidden ? say("open") : say("close");
    pickerLabel.textContent = say("language");
    ender.textContent = say("end");
    closer.textContent = say("close");
    note.textContent = say("emergency");
    log.setAttribute("aria-label", say("log"));
    callLabel.textContent = say("number");
    callSave.textContent = say("save");
    callSkip.textContent = say("skip");
    if (!number && !callNote.textContent) callNote.textContent = say("numberWhy");
    label.textContent = say("message");
    sender.textContent = say("send");
    attach.textContent = say("attach");
    show(statusKey);
  };
  const show = (key) => {
    statusKey = key;
    const t = say(key);
    if (status.textContent !== t) status.textContent = t;
    status.classList.toggle("tidegate-off", key === "off" || key === "refused");
    typing.textContent = socket && (personTypes || state && state.typing) ? say("typing") : "";
  };

  // Messages. The newest stays in sight when a keyboard or a form takes room,
  // unless somebody has scrolled up to read.
  let newest = true, size = "";
  const measure = () => log.clientWidth + " " + log.clientHeight;
  const down = () => { log.scrollTop = log.scrollHeight; };
  log.addEventListener("scroll", () => {
    if (measure() === size) newest = log.scrollHeight - log.scrollTop - log.clientHeight < 40; // else nobody scrolled: it was resized
  });
  new ResizeObserver(() => { size = measure(); if (newest) down(); }).observe(log);
  const byline = (kind, at) => {
    const who = kind === "own" ? say("you") : say(kind);
    return at ? who + " · " + new Date(at).toLocaleTimeString(lang, { hour: "numeric", minute: "2-digit" }) : who;
  };
  const bubble = (kind, text, at) => {
    const item = make("div", "tidegate-message tidegate-" + kind, kind === "safety" ? { role: "alert" } : {});
    const by = make("p", "tidegate-by"), body = make("p", "tidegate-text");
    by.textContent = byline(kind, at);
    body.textContent = text;
    item.append(by, body);
    log.append(item);
    down();
    if (kind === "safety" && item.offsetHeight > log.clientHeight) { // whom to call stands at its beginning
      newest = false;
      log.scrollTop = item.offsetTop - log.offsetTop;
    }
    return item;
  };
  const settle = (id) => {
    const p = pending.get(id);
    if (!p) return;
    p.note.remove();
    pending.delete(id);
  };
  const kinds = ["own", "agent", "nurse", "fixed", "safety"];
  const message = (f) => {
    if (f.position <= cursor) return;
    if (f.kind === "nurse") { clearTimeout(personTypes); personTypes = 0; show(statusKey); }
    cursor = f.position;
    talked = true;
    settle(f.client_id);
    const item = f.kind === "own" && shown.get(f.client_id);
    if (!item) bubble(kinds.includes(f.kind) ? f.kind : "fixed", f.text || (f.files || []).map(nameOf).join(", "), f.at);
    else {
      item.firstChild.textContent = byline("own", f.at);
      if (item.nextSibling) { // what came meanwhile is before it on record
        log.append(item);
        down();
      }
    }
    shown.delete(f.client_id);
    glance();
  };
  const nameOf = (type) => say(type.startsWith("image/") ? "photo" : "file");
  const glance = () => { // tell what somebody could have read
    if (cursor > seen && document.visibilityState === "visible" && !panel.hidden && send({ type: "seen", cursor })) seen = cursor;
  };
  const wait = (words, note, more) => {
    const id = crypto.randomUUID ? crypto.randomUUID() : Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
    const item = bubble("own", words);
    const mark = make("p", "tidegate-by");
    mark.textContent = note;
    item.append(mark);
    pending.set(id, { item, note: mark, ...more });
    shown.set(id, item);
    talked = true;
    wanted = true;
    return id;
  };
  const text = (t) => {
    tell(wait(t, say("pending"), { text: t }));
    guard();
  };
  // tell says of what waits that it is here: again after each drop, until it is kept.
  const tell = (id) => {
    const p = pending.get(id);
    if (!p || p.busy) return;
    send(p.file ? { type: "file", client_id: id, bytes: p.file.size } : { type: "text", client_id: id, text: p.text });
  };
  // guard gives up a connection that looks open and takes nothing. A file has a
  // connection of its own, and a limit of its own.
  const guard = () => {
    clearTimeout(watch);
    if ([...pending.values()].some((p) => !p.busy)) watch = setTimeout(drop, 15000);
  };

  // Files. What telephones make is often larger than what is taken: such a picture
  // is made smaller here, and one that cannot be is refused in words.
  const smaller = async (f) => {
    if (f.size <= settings.fileBytes || !f.type.startsWith("image/")) return f;
    try {
      const picture = await createImageBitmap(f), k = Math.min(1, 2400 / Math.max(picture.width, picture.height));
      const canvas = make("canvas");
      canvas.width = Math.round(picture.width * k);
      canvas.height = Math.round(picture.height * k);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      return await new Promise((done) => canvas.toBlob((b) => done(b || f), "image/jpeg", 0.85));
    } catch {
      return f;
    }
  };
  const file = async (chosen) => {
    const f = await smaller(chosen);
    const id = wait(nameOf(chosen.type) + ": " + chosen.name, say("filePending"), { file: f, tries: 0 });
    if (f.size > settings.fileBytes) return turnDown(id, "large");
    if (f.size === 0) return turnDown(id, "empty");
    connect();
    tell(id);
    guard();
  };
  const turnDown = (id, why) => { // never to be sent as it is
    const p = pending.get(id);
    if (!p) return;
    pending.delete(id);
    shown.delete(id);
    p.note.textContent = say(why);
    p.note.className = "tidegate-error";
    p.item.classList.add("tidegate-unsent");
    down();
  };
  const upload = async (id, ticket) => {
    const p = pending.get(id);
    if (!p || !p.file || p.busy) return;
    p.busy = true;
    guard();
    const headers = { "Content-Type": "application/octet-stream", "Tidegate-Ticket": ticket };
    if (token) headers.Authorization = "Bearer " + token;
    let answer = null;
    try {
      answer = await fetch(new URL("file", base), { method: "POST", credentials: "include", headers, body: p.file, cache: "no-store", signal: AbortSignal.timeout(120000) });
    } catch { /* it is sent again */ }
    p.busy = false;
    if (pending.get(id) !== p) return;
    if (answer && answer.ok) settle(id);
    else if (answer && { 400: 1, 413: 1, 415: 1 }[answer.status]) turnDown(id, { 400: "empty", 413: "large", 415: "type" }[answer.status]);
    else setTimeout(() => { tell(id); guard(); }, Math.min(60000, 2000 * 2 ** p.tries++) * (0.5 + Math.random()));
  };

  // The connection.
  const send = (f) => {
    if (!socket || socket.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(f));
    return true;
  };
  // drop gives up a connection that brings nothing: the browser may not see for
  // minutes that it is dead, and would let a patient wait in front of it.
  const drop = () => {
    const dead = socket;
    if (!dead || !dead.close) return; // a ticket is on its way, with a limit of its own
    socket = null;
    dead.close();
    show("off");
    later();
  };
  const alive = () => {
    clearTimeout(quiet);
    quiet = setTimeout(drop, settings.silence);
  };
  const later = (atLeast) => {
    clearTimeout(timer);
    if (!wanted) return;
    const most = Math.min(30000, 500 * 2 ** Math.min(tries++, 6));
    timer = setTimeout(connect, Math.max(atLeast || 0, 250) + Math.random() * most);
  };
  const connect = async () => {
    clearTimeout(timer);
    if (socket || !wanted) return;
    const mine = socket = {}; // holds the place while the ticket is fetched
    const headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = "Bearer " + token;
    let answer, body;
    try {
      answer = await fetch(new URL("session", base), { method: "POST", credentials: "include", headers, body: JSON.stringify({ memory: !navigator.cookieEnabled }), cache: "no-store", signal: AbortSignal.timeout(15000) });
      body = await answer.json();
    } catch {
      answer = null;
    }
    if (socket !== mine) return;
    socket = null;
    if (!answer || !answer.ok) {
      const fatal = answer && answer.status !== 503 && answer.status !== 500;
      show(fatal ? "refused" : "off");
      if (!answer || answer.status !== 403) later(answer ? 1000 * (Number(answer.headers.get("Retry-After")) || 5) : 0);
      return;
    }
    if (body.token) token = body.token;
    if (!body.resumed && cursor > 0) fresh();
    const url = new URL("ws", base);
    url.protocol = url.protocol.replace("http", "ws");
    const ws = socket = new WebSocket(url, [settings.protocol, "ticket." + body.ticket]);
    alive();
    ws.onopen = () => {
      send({ type: "hello", cursor, token, lang });
      if (seen > 0) send({ type: "seen", cursor: seen }); // the connection that broke may have lost it
      glance();
      if (number) send({ type: "call_back", number });
      for (const id of pending.keys()) tell(id);
      guard();
    };
    ws.onmessage = (e) => {
      if (socket !== ws) return;
      alive();
      let f;
      try { f = JSON.parse(e.data); } catch { return; }
      heard(f);
    };
    ws.onclose = () => {
      if (socket !== ws) return;
      socket = null;
      show(wanted ? "off" : "ended");
      later();
    };
  };
  const heard = (f) => {
    switch (f.type) {
      case "message": message(f); break;
      case "committed": settle(f.client_id); guard(); break;
      case "refused": if ((pending.get(f.client_id) || {}).file) turnDown(f.client_id, f.why); else settle(f.client_id); guard(); break;
      case "typing":
        clearTimeout(personTypes);
        personTypes = setTimeout(() => { personTypes = 0; show(statusKey); }, 6000);
        show(statusKey);
        break;
      case "upload": upload(f.client_id, f.ticket); break;
      case "call_back": called(f); break;
      case "state":
        state = f;
        tries = 0;
        if (f.call_back && !number) callForm.hidden = true;
        show({ agent: "whoAgent", waiting: "whoWaiting", nurse: "whoNurse" }[f.who] || "whoAgent");
        break;
    }
  };
  // fresh begins anew when the token was too old: the talk before is another's.
  const fresh = () => {
    cursor = seen = 0;
    log.textContent = "";
    shown.clear();
    for (const [id, p] of pending) { shown.set(id, p.item); log.append(p.item); }
  };
  const called = (f) => {
    if (!f.ok) {
      number = "";
      callForm.hidden = false;
      callNote.textContent = say("bad");
      callNote.className = "tidegate-error";
      callInput.setAttribute("aria-invalid", "true");
      callInput.focus();
      return;
    }
    number = f.number;
    callInput.removeAttribute("aria-invalid");
    callNote.textContent = say("saved", { number });
    callNote.className = "tidegate-good";
    callLabel.hidden = callInput.hidden = callSave.hidden = callSkip.hidden = true;
    if (talked && !callBackSent) text(say("call", { number })); // staff who wait for it read it now
    callBackSent = true;
  };

  // What the visitor does.
  const remember = (on) => { try { on ? sessionStorage.setItem("tidegate-open", "1") : sessionStorage.removeItem("tidegate-open"); } catch { /* not allowed: the chat opens by hand */ } };
  const toggle = (open, quiet) => {
    panel.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    relabel();
    remember(open);
    if (!open) return opener.focus();
    wanted = true;
    connect();
    glance();
    if (!quiet) (callForm.hidden || callInput.hidden ? input : callInput).focus();
  };
  opener.addEventListener("click", () => toggle(panel.hidden));
  closer.addEventListener("click", () => toggle(false));
  panel.addEventListener("keydown", (e) => { if (e.key === "Escape" && !mount) toggle(false); });
  picker.addEventListener("change", () => { lang = picker.value; relabel(); send({ type: "lang", lang }); });
  callForm.addEventListener("submit", (e) => {
    e.preventDefault();
    number = callInput.value.trim();
    callBackSent = false;
    if (number && !send({ type: "call_back", number })) callNote.textContent = say("connecting");
  });
  callSkip.addEventListener("click", () => { callForm.hidden = true; input.focus(); });
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const t = input.value.trim();
    if (!t) return input.focus();
    input.value = "";
    wanted = true;
    text(t);
    connect();
    input.focus();
  });
  input.addEventListener("input", () => {
    if (!talked || !input.value.trim() || Date.now() - saidTyping < 3000) return;
    if (send({ type: "typing" })) saidTyping = Date.now();
  });
  attach.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    for (const f of chooser.files) file(f);
    chooser.value = "";
    input.focus();
  });
  input.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); form.requestSubmit(); }
  });
  ender.addEventListener("click", async () => {
    wanted = false;
    clearTimeout(timer);
    clearTimeout(watch);
    if (socket && socket.close) socket.close();
    socket = null;
    try { await fetch(new URL("session", base), { method: "DELETE", credentials: "include" }); } catch { /* the cookie ends with the browser */ }
    token = number = "";
    state = null;
    pending.clear();
    fresh();
    talked = callBackSent = callForm.hidden = callLabel.hidden = callInput.hidden = callSave.hidden = callSkip.hidden = false;
    callInput.value = callNote.textContent = "";
    relabel();
    show("ended");
    if (!mount) toggle(false);
  });
  document.addEventListener("visibilitychange", glance);
  window.addEventListener("offline", drop);
  window.addEventListener("online", () => { tries = 0; later(); });

  const style = make("link", "", { rel: "stylesheet", href: new URL("widget.css", base) });
  if (!mount) document.head.append(style);
  (mount || document.body).append(root);
  relabel();
  let again = false;
  try { again = sessionStorage.getItem("tidegate-open") === "1"; } catch { /* not allowed */ }
  if (mount) { wanted = true; connect(); } else if (again) toggle(true, true);
})();
