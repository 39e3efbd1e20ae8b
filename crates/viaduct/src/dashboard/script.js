// The dashboard: asks the API beside it, and shows the answers. What comes from the configuration is only ever
// set as text, never as markup.
"use strict";

const API = "../api/";
const EVERY = 5000;
const MOST = 200;
// Servers of one router.
const SHOWN = 20;

const SOURCES = {
  version: "version",
  about: "viaduct/about",
  overview: "overview",
  findings: "viaduct/findings",
};
const LISTS = {
  httpRouters: "http/routers", tcpRouters: "tcp/routers", udpRouters: "udp/routers",
  httpServices: "http/services", tcpServices: "tcp/services", udpServices: "udp/services",
  httpMiddlewares: "http/middlewares", tcpMiddlewares: "tcp/middlewares",
  certificates: "certificates", faults: "faults", bridges: "viaduct/bridges",
};
// The best first; how each is coloured.
const CLASSES = {
  "bridged+mTLS": "good", "bridged+verified": "good", "name-skipped": "warn", unverified: "bad",
  plaintext: "bad", passthrough: "plain",
};

let data = null;
let shown = "";
/** The class that routers are narrowed to; empty: all. */
let narrowed = "";

/** An element with attributes and children; texts stay texts. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

async function ask(path) {
  const response = await fetch(API + path, { cache: "no-store" });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return { value: await response.json(), next: Number(response.headers.get("X-Next-Page") || 1) };
}

/** All pages of a list. */
async function askAll(path) {
  const all = [];
  for (let page = 1; ;) {
    const { value, next } = await ask(`${path}?per_page=1000&page=${page}`);
    all.push(...value);
    if (next <= page) return all;
    page = next;
  }
}

async function load() {
  const notice = document.getElementById("notice");
  try {
    const names = [...Object.keys(SOURCES), ...Object.keys(LISTS), "tried", "trials"];
    const answers = await Promise.all([
      ...Object.values(SOURCES).map((path) => ask(path).then(({ value }) => value)),
      ...Object.values(LISTS).map(askAll),
      // Where nobody tries servers there is nothing to tell.
      ask("viaduct/preflight").then(({ value }) => value.servers, () => []),
      ask("viaduct/shadow").then(({ value }) => value, () => []),
    ]);
    data = Object.fromEntries(names.map((name, index) => [name, answers[index]]));
    notice.hidden = true;
    // An unchanged page is left alone: selections and scroll positions survive.
    const now = JSON.stringify(data);
    if (now !== shown) {
      shown = now;
      render();
    }
    document.getElementById("updated").textContent = `updated ${new Date().toLocaleTimeString()}`;
    document.documentElement.dataset.ready = "true";
  } catch (error) {
    notice.textContent = `The API does not answer (${error.message}); what is shown may be old.`;
    notice.hidden = false;
  }
  setTimeout(load, EVERY);
}

function render() {
  head();
  overview();
  const filter = document.getElementById("filter").value.trim().toLowerCase();
  list("problems", data.findings, filter, problem, "Nothing is wrong.");
  // What still burns comes first; each part as the API has it, the latest of a service first.
  const open = data.faults.filter((item) => item.status === "open");
  const done = data.faults.filter((item) => item.status !== "open");
  document.getElementById("fault-count").textContent = open.length ? String(open.length) : "";
  list("faults", [...open, ...done], filter, fault, "No connection to a server has failed lately.");
  const all = routers();
  chips(all);
  const ofClass = narrowed ? all.filter((item) => classes(item).has(narrowed)) : all;
  list("routers", ofClass, filter, router, narrowed ? "No router is of this class." : "There are no routers.");
  list("services", layered("Services"), filter, service, "There are no services.");
  list("middlewares", layered("Middlewares"), filter, middleware, "There are no middlewares.");
  list("certificates", data.certificates, filter, certificate, "No certificate is configured.");
}

function head() {
  const name = data.about.name || "";
  document.getElementById("name").textContent = name;
  document.title = name ? `${name} - Viaduct` : "Viaduct";
  document.getElementById("about").textContent =
    `${data.version.Version}, configuration ${data.about.generation}, up since ${moment(data.version.startDate)}`;
  const problems = data.findings.filter((finding) => finding.severity === "error").length;
  document.getElementById("problem-count").textContent = problems ? String(problems) : "";
}

function overview() {
  const tiles = [];
  for (const [layer, title] of [["http", "HTTP"], ["tcp", "TCP"], ["udp", "UDP"]]) {
    for (const kind of ["routers", "services", "middlewares"]) {
      const count = data.overview[layer][kind];
      if (!count || (count.total === 0 && layer !== "http")) continue;
      tiles.push(tile(`${title} ${kind}`, count.total, state(count)));
    }
  }
  const soon = data.certificates.filter((one) => one.status !== "enabled").length;
  tiles.push(tile("Certificates", data.certificates.length,
    soon ? tag(`${soon} to renew`, "warn") : "all valid"));
  document.getElementById("overview").replaceChildren(...tiles);
}

/** The classes of a router's backend legs. */
function classes(item) {
  const found = item.bridges.flatMap((bridge) => bridge.backends.map((backend) => backend.class));
  if (item.layer === "TCP" && item.tls && item.tls.passthrough) found.push("passthrough");
  return new Set(found.filter(Boolean));
}

/** A button for each class that there is, with the number of its routers. */
function chips(all) {
  const buttons = Object.entries(CLASSES).map(([name, kind]) => {
    const count = all.filter((item) => classes(item).has(name)).length;
    if (!count && narrowed !== name) return null;
    const chip = h("button", { type: "button", class: `tag ${kind}`, "aria-pressed": String(narrowed === name) }, `${name} ${count}`);
    chip.addEventListener("click", () => {
      narrowed = narrowed === name ? "" : name;
      render();
      const same = [...document.querySelectorAll("#classes button")].find((other) => other.textContent.startsWith(`${name} `));
      if (same) same.focus();
    });
    return chip;
  });
  document.getElementById("classes").replaceChildren(...buttons.filter(Boolean));
}

function tile(title, total, text) {
  return h("div", { class: "tile" }, h("h3", {}, title), h("p", { class: "total" }, String(total)),
    h("p", { class: "state" }, text));
}

function state(count) {
  const tags = [];
  if (count.errors) tags.push(tag(`${count.errors} out of service`, "bad"), " ");
  if (count.warnings) tags.push(tag(`${count.warnings} with warnings`, "warn"));
  if (!tags.length) return count.total ? "all in service" : "none";
  return h("span", {}, tags);
}

/** Replaces a list by those that the filter finds, in full text. */
function list(name, items, filter, draw, none) {
  const found = filter
    ? items.filter((item) => JSON.stringify(item).toLowerCase().includes(filter))
    : items;
  const cards = found.slice(0, MOST).map(draw);
  if (!found.length) cards.push(h("p", { class: "empty" }, items.length ? "Nothing matches the filter." : none));
  if (found.length > MOST) cards.push(h("p", { class: "empty" }, `${found.length - MOST} more: narrow the filter.`));
  document.querySelector(`[data-list=${name}]`).replaceChildren(...cards);
  const count = filter ? `${found.length} of ${items.length}` : String(items.length);
  const title = document.getElementById(`${name}-title`);
  title.replaceChildren(title.firstChild, h("small", {}, count));
}

/** The layers' objects together; `layer` is what is not HTTP. */
function layered(kind) {
  const of = (layer) => (data[layer + kind] || []).map((item) => ({ ...item, layer: layer.toUpperCase() }));
  return [...of("http"), ...of("tcp"), ...of("udp")];
}

/** Routers with their bridges: one at each entry point. */
function routers() {
  const bridges = new Map();
  for (const bridge of data.bridges) bridges.set(bridge.name, bridge);
  // What is built in comes last.
  const order = (router) => (router.provider === "internal" ? 1 : 0);
  return layered("Routers").sort((a, b) => order(a) - order(b)).map((router) => ({
    ...router,
    bridges: bridges.has(router.name)
      ? [bridges.get(router.name)]
      : (router.using || []).map((entryPoint) => bridges.get(`${entryPoint}-${router.name}`)).filter(Boolean),
  }));
}

function card(title, status, where, ...body) {
  return h("article", { class: "card" },
    h("div", { class: "head" }, h("h3", {}, title), ...[status].flat(), where ? h("span", { class: "where" }, where) : null),
    ...body);
}

function tag(text, kind) {
  return h("span", { class: `tag ${kind}` }, text);
}

function status(text) {
  const kinds = { enabled: "good", warning: "warn", disabled: "bad", expired: "bad" };
  const words = { enabled: "in service", warning: "warning", disabled: "out of service", expired: "expired" };
  return tag(words[text] || text, kinds[text] || "plain");
}

function errors(item) {
  const kinds = { warning: "error warning", enabled: "hint" };
  const kind = kinds[item.status] || "error";
  return (item.error || []).map((text) => h("p", { class: kind }, text));
}

function problem(finding) {
  const kinds = { error: "bad", warning: "warn", info: "plain" };
  const what = finding.object || finding.element;
  const title = [what, finding.provider && !finding.object ? `(${finding.provider})` : null].filter(Boolean).join(" ");
  return card(title || finding.code, tag(finding.severity, kinds[finding.severity]), finding.at,
    h("p", { class: "hint" }, finding.message),
    facts([["field", finding.field], ["wanted", finding.wanted], ["got", finding.got], ["hint", finding.hint]]));
}

/** A cause for which connections to a server fail. */
function fault(item) {
  const times = item.count === 1 ? "once" : `${item.count} times`;
  return card(item.service, [tag(item.code, item.status === "open" ? "bad" : "plain"), " ", ended(item)],
    `${times}, last ${second(item.last)}`,
    h("p", { class: "hint" }, item.meaning),
    facts([["server", item.server], ["wanted", item.wanted], ["got", item.got], ["fix", item.fix],
      ["router", item.router], ["transport", item.transport], ["first", second(item.first)], ["last", second(item.last)],
      ["first success since", second(item.over)]]),
    item.suggestion ? h("pre", { tabindex: "0", "aria-label": `edit that mends ${item.code}` }, h("code", {}, item.suggestion)) : null);
}

/** Whether a fault is over. */
function ended(item) {
  switch (item.status) {
    case "over": return tag("over", "good");
    case "gone": return tag("server gone", "plain");
    default: return tag("no success since", "bad");
  }
}

function router(item) {
  const where = [item.layer === "HTTP" ? null : item.layer, (item.using || item.entryPoints || []).join(", "),
    item.priority === undefined ? null : `priority ${short(item.priority)}`];
  return card(item.name, status(item.status), where.filter(Boolean).join(" · "),
    item.rule ? h("p", { class: "rule" }, h("code", {}, item.rule)) : null,
    errors(item),
    item.layer === "TCP" && item.tls && item.tls.passthrough ? h("p", { class: "rule" }, tag("passthrough", CLASSES.passthrough)) : null,
    item.middlewares ? facts([["middlewares", item.middlewares.join(", ")]]) : null,
    item.bridges.map((bridge) => span(bridge, item.bridges.length > 1)));
}

/** Traefik's built-in priorities are as large as numbers get. */
function short(priority) {
  return priority > 1e15 ? "highest" : String(priority);
}

function span(bridge, named) {
  const broken = bridge.status !== "enabled";
  return h("div", { class: "bridge" },
    h("div", { class: "leg" }, h("h4", {}, named ? `Client leg, ${bridge.entryPoint}` : "Client leg"), clientLeg(bridge.client)),
    h("div", { class: broken ? "span broken" : "span", "aria-hidden": "true" }),
    h("div", { class: "leg" }, h("h4", {}, "Backend leg"), backendLeg(bridge)));
}

function clientLeg(legs) {
  if (!legs) return h("p", { class: "hop" }, tag("plain HTTP", "plain"));
  return legs.map((leg) => h("div", { class: "hop" },
    h("p", {}, tag(leg.versions, "good"), " ", leg.host ? h("code", {}, leg.host) : "any host"),
    facts([
      ["certificate", certificateText(leg.certificate)],
      ["client certificate", leg.clientAuth === "none" ? null : leg.clientAuth],
      ["server name", leg.sniStrict ? "demanded (sniStrict)" : null],
      ["protocols", leg.alpn.join(", ")],
    ])));
}

function certificateText(one) {
  if (one.generated) return h("span", {}, "generated default ", tag("trusted by nobody", "warn"));
  return h("span", {}, one.label, ", ", expiry(one));
}

function expiry(one) {
  const text = one.status === "expired" ? `expired ${day(one.notAfter)}` : `until ${day(one.notAfter)}`;
  if (one.status === "enabled") return text;
  return tag(text, one.status === "expired" ? "bad" : "warn");
}

function backendLeg(bridge) {
  const out = bridge.status === "enabled" ? null : h("p", { class: "hop" }, tag("none", "bad"), " ", bridge.service);
  if (!bridge.backends.length) return out || h("p", { class: "hop" }, tag("no servers", "warn"), " ", bridge.service);
  const more = bridge.backends.length + (bridge.moreBackends || 0) - SHOWN;
  const rest = more > 0 ? h("p", { class: "hop" }, `and ${more} more: /api/bridges has all`) : null;
  const legs = bridge.backends.slice(0, SHOWN).map((backend) => {
    if (backend.internal) return h("p", { class: "hop" }, tag("this process", "plain"), " ", backend.service);
    const tls = backend.tls;
    return h("div", { class: "hop" },
      h("p", {}, tag(backend.class, CLASSES[backend.class]), " ", allowed(backend), h("code", {}, backend.url)),
      tls ? facts([
        ["verified name", tls.verified ? tls.name : null],
        ["peer URI", tls.peerURI],
        ["trust", tls.roots.length ? roots(tls) : tls.trust],
        ["versions", tls.versions],
        ["own certificate", tls.clientCertificates.length ? tls.clientCertificates.map(certificateText) : null],
        ["transport", backend.transport],
      ]) : null,
      backend.class === "unverified" ? trial(backend.transport) : null);
  });
  return [out, ...legs, rest];
}

/** What verification would say where it is skipped, and the edit that switches it on. */
function trial(transport) {
  const known = data.trials.find((one) => one.transport === transport);
  if (!known) return null;
  const state = known.safe ? tag(`safe to verify since ${second(known.safeSince)}`, "good") : tag("not safe to verify yet", "warn");
  return h("div", {}, h("p", {}, state), h("p", { class: "hint" }, known.summary),
    known.patch ? h("pre", { tabindex: "0", "aria-label": `edit of ${transport}` }, h("code", {}, known.patch)) : null);
}

/** What strict mode makes of a leg that is below what is required. */
function allowed(backend) {
  const kinds = { refused: "bad", reported: "warn", excepted: "warn" };
  return kinds[backend.state] ? [tag(backend.state, kinds[backend.state]), " "] : null;
}

function roots(tls) {
  return h("span", {}, tls.roots.flatMap((root, index) => [index ? "; " : "", root.label, ", ", expiry(root)]));
}

/** What the last handshake with a server came to. Nobody asks the servers of plain HTTP. */
function health(service, url, status) {
  if (status !== "UP") return tag("down", "bad");
  const known = data.tried.find((server) => server.service === service && server.url === url);
  switch (known && known.result) {
    case "passed": return tag("handshake passed", "good");
    case "failed": return [tag("handshake failed", "bad"), ` ${known.reason}: wanted ${known.wanted}, got ${known.got} `];
    default: return tag("not checked", "plain");
  }
}

function service(item) {
  const servers = Object.entries(item.serverStatus || {});
  return card(item.name, status(item.status), [item.layer === "HTTP" ? null : item.layer, item.type].filter(Boolean).join(" · "),
    errors(item),
    servers.map(([url, status]) => h("p", { class: "rule" }, health(item.name, url, status), " ", h("code", {}, url))),
    facts([["used by", (item.usedBy || []).join(", ") || "no router"]]));
}

function middleware(item) {
  return card(item.name, status(item.status), [item.layer === "HTTP" ? null : item.layer, item.type].filter(Boolean).join(" · "),
    errors(item),
    facts([["used by", (item.usedBy || []).join(", ") || "no router"]]));
}

function certificate(item) {
  const names = (item.sans || []).join(", ");
  return card(item.commonName || names || item.name, status(item.status === "enabled" ? "valid" : item.status),
    item.status === "expired" ? `expired ${day(item.notAfter)}` : `until ${day(item.notAfter)} (${left(item.notAfter)})`,
    facts([
      ["names", names],
      ["issuer", [item.issuerCN, item.issuerOrg].filter(Boolean).join(", ")],
      ["key", `${item.keyType} ${item.keySize}`],
      ["serial", item.serialNumber],
      ["SHA-256", item.certFingerprint],
    ]));
}

/** Terms and values; those without a value are left out. */
function facts(pairs) {
  const there = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!there.length) return null;
  return h("dl", {}, there.map(([term, value]) => [h("dt", {}, term), h("dd", {}, ...[value].flat())]));
}

function day(date) {
  return date.slice(0, 10);
}

function moment(date) {
  return `${date.slice(0, 10)} ${date.slice(11, 16)} UTC`;
}

function second(date) {
  return date ? `${date.slice(0, 10)} ${date.slice(11, 19)} UTC` : "";
}

function left(date) {
  const days = Math.floor((Date.parse(date) - Date.now()) / 86400000);
  if (days >= 730) return `${Math.floor(days / 365)} years`;
  return days === 1 ? "1 day" : `${days} days`;
}

document.getElementById("filter").addEventListener("input", () => { if (data) render(); });
document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement.tagName !== "INPUT") {
    event.preventDefault();
    document.getElementById("filter").focus();
  }
});
load();
