/* The shell around SimCord's preview: who is looking at which channel, and what time it is. */

const secret = location.hash.slice(1);
const POLL = 1000;
const kept = {
  get(name, otherwise) {
    try { return JSON.parse(sessionStorage.getItem(`cohort:${name}`)) ?? otherwise; } catch { return otherwise; }
  },
  set(name, value) { sessionStorage.setItem(`cohort:${name}`, JSON.stringify(value)); },
};

const $ = (id) => document.getElementById(id);
const icons = {
  text: "M4 7.5h12M3.5 12.5h12M8.5 3.5l-2 13M13.5 3.5l-2 13",
  thread: "M5 4v5a3 3 0 0 0 3 3h7M12 9l3 3-3 3",
  voice: "M4 8v4h3l4 3.5v-11L7 8zM14 7.5a4 4 0 0 1 0 5",
  dm: "M3.5 4.5h13v9h-8l-4 3v-3h-1z",
};

let state = null;
let offset = 0;
let person = kept.get("person", null);
let place = kept.get("place", null);
let seen = kept.get("seen", null);
let shown = null;
let rendered = "";
let skipping = false;

async function ask(path, body) {
  const response = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    headers: { "X-Cohort-Demo": secret, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
  });
  if (!response.ok) throw Object.assign(new Error(await response.text()), { status: response.status });
  return response.json();
}

function notice(text) {
  $("notice").textContent = text ?? "";
  $("notice").hidden = !text;
}

async function poll() {
  try {
    receive(await ask("/demo/state"));
    notice(null);
  } catch (error) {
    const stranger = error.status === 401;
    notice(stranger
      ? "This address has lost its key. Open the one that the terminal shows, with everything behind the #."
      : "The demo does not answer. Is it still running in its terminal?");
    if (stranger) return;
  }
  setTimeout(poll, document.hidden ? POLL * 4 : POLL);
}

function receive(next) {
  const first = state === null;
  state = next;
  offset = new Date(state.now).getTime() - Date.now();
  if (!state.people.some((someone) => someone.id === person)) person = (state.people[1] ?? state.people[0]).id;
  if (place === null || !(place in me().views)) {
    place = (state.channels.find((channel) => channel.name === "fastai-berlin") ?? state.channels[0]).id;
  }
  if (seen === null) {
    seen = {};
    for (const someone of state.people) for (const [at, view] of Object.entries(someone.views)) mark(someone.id, at, view);
  }
  if (first) $("app").hidden = false;
  show();
  render();
}

const me = () => state.people.find((someone) => someone.id === person);
const mark = (who, at, view) => { seen[`${who} ${at}`] = view.newest; };
const unread = (someone, at) => BigInt(someone.views[at].newest) > BigInt(seen[`${someone.id} ${at}`] ?? 0);

function look(nextPerson, nextPlace) {
  person = nextPerson;
  place = nextPlace;
  kept.set("person", person);
  kept.set("place", place);
  setMenu(false);
  show();
  render();
  $("live").textContent = `${me().name}, ${placeName()}`;
}

function placeName() {
  if (place === "dm") return "Cohort, direct messages";
  const channel = state.channels.find((one) => one.id === place);
  return (channel.kind === "text" ? "#" : "") + channel.name;
}

/* The old conversation stays until the new one is ready: no white flash in between. */
function show() {
  const view = me().views[place];
  mark(person, place, view);
  kept.set("seen", seen);
  if (shown === view.token) return;
  shown = view.token;
  const frames = $("frames");
  for (const waiting of frames.querySelectorAll(".coming")) waiting.remove();
  const frame = document.createElement("iframe");
  frame.title = `Conversation: ${me().name}, ${placeName()}`;
  frame.className = frames.childElementCount ? "coming" : "";
  frame.src = `/preview/?at=${view.token.slice(0, 8)}#${view.token}`;
  frames.append(frame);
  const started = performance.now();
  const swap = () => {
    if (!frame.isConnected) return;
    if (!frame.contentWindow?.simcordPreview?.ready && performance.now() - started < 3000) return requestAnimationFrame(swap);
    frame.classList.remove("coming");
    for (const old of [...frames.children]) if (old !== frame) old.remove();
    document.documentElement.dataset.shown = String(Math.round(performance.now() - started));
  };
  requestAnimationFrame(swap);
}

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "onclick") node.addEventListener("click", value);
    else if (name === "style") Object.assign(node.style, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", icons[name]);
  svg.append(path);
  return svg;
}

const hidden = (text) => element("span", { class: "visually-hidden" }, text);
const dot = (text) => element("span", { class: "dot", title: text }, hidden(text));

function avatar(someone, size = "") {
  return element("span", { class: `avatar ${size}`, style: { background: someone.colour }, "aria-hidden": "true" }, someone.name[0]);
}

function row(at, kind, name) {
  const fresh = unread(me(), at) && at !== place;
  return element("button", {
    type: "button", class: `row${fresh ? " unread" : ""}`, "aria-current": at === place && "true",
    "data-key": `place ${at}`, onclick: () => look(person, at),
  }, icon(kind), element("span", { class: "name" }, name), fresh ? dot("New messages") : null);
}

function render() {
  const news = state.people.map((someone) => Object.keys(someone.views).map((at) => unread(someone, at)));
  const next = JSON.stringify([person, place, news, state.channels, state.events, state.people.map((one) => one.seated), hour()]);
  tick();
  if (next === rendered) return;
  rendered = next;
  const focused = document.activeElement?.dataset?.key;
  $("server").textContent = state.server;
  const topic = state.channels.find((one) => one.id === place)?.topic;
  $("where").replaceChildren(element("b", {}, placeName()), ...(topic ? [element("span", {}, topic)] : []));
  const freshDm = state.people.filter((someone) => unread(someone, "dm") && !(someone.id === person && place === "dm"));
  const freshHere = state.channels.filter((channel) => channel.id !== place && unread(me(), channel.id));
  const total = freshDm.length + freshHere.length;
  document.title = `${total ? `(${total}) ` : ""}${placeName()} – Cohort demo`;
  $("menu-dot").hidden = total === 0;
  $("people").replaceChildren(...state.people.map((someone) => element("li", {}, element("button", {
    type: "button", class: "row", "aria-current": someone.id === person && "true", "data-key": `person ${someone.id}`,
    onclick: () => look(someone.id, place),
  }, avatar(someone), element("span", { class: "name" }, someone.name,
    element("small", {}, `${someone.role} · ${someone.zone.split("/").pop().replace("_", " ")}`)),
  freshDm.includes(someone) ? dot("New direct message") : null))));
  $("channels").replaceChildren(...state.channels.map((channel) => {
    const link = row(channel.id, channel.kind, channel.name);
    if (channel.kind === "thread") return element("li", { class: "thread" }, link);
    if (channel.kind !== "voice") return element("li", {}, link);
    const seated = state.people.filter((someone) => someone.seated);
    return element("li", {}, element("div", { class: "voice" }, link, element("button", {
      type: "button", class: "sit", "data-key": "sit", onclick: sit,
    }, me().seated ? "Leave" : "Join", hidden(` the voice channel ${channel.name}`))),
    seated.length ? element("div", { class: "seated" }, hidden(`In it: ${seated.map((one) => one.name).join(", ")}`),
      ...seated.map((someone) => avatar(someone, "small"))) : null);
  }));
  $("dms").replaceChildren(element("li", {}, row("dm", "dm", "Cohort")));
  $("events-section").hidden = state.events.length === 0;
  $("events").replaceChildren(...state.events.slice(0, 4).map((event) => element("li", {},
    element("b", {}, event.name), element("span", {}, event.active ? "Happening now" : moment(event.start)))));
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

const hour = () => Math.floor((Date.now() + offset) / 3600000);

function moment(iso) {
  return new Intl.DateTimeFormat("en-GB", {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: me().zone,
  }).format(new Date(iso));
}

function tick() {
  if (state === null) return;
  const now = new Date(Date.now() + offset);
  $("clock").dateTime = now.toISOString();
  $("clock").textContent = new Intl.DateTimeFormat("en-GB", {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: me().zone,
  }).format(now);
  $("zone").textContent = `in ${me().zone.split("/").pop().replace("_", " ")}`;
}

async function skip(seconds) {
  if (skipping) return;
  skipping = true;
  for (const button of document.querySelectorAll("[data-skip]")) button.setAttribute("aria-disabled", "true");
  try {
    receive(await ask("/demo/skip", { seconds }));
    $("live").textContent = `It is now ${$("clock").textContent}.`;
  } catch { notice("Time did not move. Is the demo still running in its terminal?"); }
  skipping = false;
  for (const button of document.querySelectorAll("[data-skip]")) button.removeAttribute("aria-disabled");
}

async function sit() {
  try { receive(await ask("/demo/voice", { member: person, seated: !me().seated })); }
  catch { notice("That did not work. Is the demo still running in its terminal?"); }
}

function setMenu(open) {
  document.body.classList.toggle("menu-open", open);
  $("menu").setAttribute("aria-expanded", String(open));
}

function setHints(open) {
  $("hints").hidden = !open;
  $("help").setAttribute("aria-expanded", String(open));
  try { localStorage.setItem("cohort:hints", open ? "open" : "closed"); } catch { /* then they open again */ }
}

for (const button of document.querySelectorAll("[data-skip]")) button.addEventListener("click", () => skip(Number(button.dataset.skip)));
$("menu").addEventListener("click", (event) => { event.stopPropagation(); setMenu(!document.body.classList.contains("menu-open")); });
$("help").addEventListener("click", () => setHints($("hints").hidden));
$("hints-close").addEventListener("click", () => { setHints(false); $("help").focus(); });
document.addEventListener("click", (event) => { if (!$("sidebar").contains(event.target)) setMenu(false); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !document.body.classList.contains("menu-open")) return;
  setMenu(false);
  $("menu").focus();
});
addEventListener("hashchange", () => location.reload());
let hints = "open";
try { hints = localStorage.getItem("cohort:hints") ?? "open"; } catch { /* storage is switched off */ }
setHints(hints === "open");
setInterval(tick, 1000);
poll();
