"use strict";
// Rows are strings from papers: they reach the page as text nodes only, never as markup.
const $ = (id) => document.getElementById(id);
const about = JSON.parse(document.querySelector("script.index").textContent);
const rowBlocks = [...document.querySelectorAll("script.rows")];
const pictureBlocks = [...document.querySelectorAll("script.pictures")];
const served = location.protocol === "http:";
const token = served ? new URLSearchParams(location.search).get("token") : null;
const key = `s1-mmalign:${about.dataset}:${about.fingerprint}`;
const pair = about.columns.length === 2;
const BATCH = 12;

const parsed = new Map();
function parseBlock(kind, blocks, number) {
  const name = kind + number;
  if (!parsed.has(name)) parsed.set(name, JSON.parse(blocks[number].textContent));
  return parsed.get(name);
}
const rowAt = (i) => parseBlock("r", rowBlocks, Math.floor(i / about.block))[i % about.block];
const pictureAt = (i) => parseBlock("p", pictureBlocks, Math.floor(i / about.block))[i % about.block];

// ---- judgements: the last one of each row, column and judge counts
let judgements = new Map();
function remember() {
  try { localStorage.setItem(key, JSON.stringify([...judgements.values()])); } catch { /* private window: nothing is kept */ }
}
function take(list) { for (const item of list) judgements.set(item.row, item); }
function load() {
  try { take(JSON.parse(localStorage.getItem(key) || "[]")); } catch { /* nothing kept, or not ours */ }
}
function sidesOf(id) {
  // A hash of seed and row: the same sides whenever the page is opened, no pattern from row to row.
  if (!about.blind) return about.columns;
  let hash = 2166136261 ^ about.seed;
  for (const letter of id) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  hash ^= hash >>> 15;
  return hash & 1 ? [...about.columns].reverse() : about.columns;
}
function judge(id, change) {
  const item = { row: id, columns: about.columns, verdict: null, prefers: null, note: "", ...judgements.get(id), ...change,
    judge: $("judge").value.trim() || "anonymous", time: new Date().toISOString(), dataset: about.dataset, blind: about.blind,
    texts: Object.fromEntries(about.columns.map((name) => [name, rowAt(positions.get(id)).captions[name].mark])) };
  judgements.set(id, item);
  remember();
  if (served) {
    fetch(`judgements?token=${token}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(item) })
      .then((answer) => { if (!answer.ok) throw new Error(answer.status); })
      .catch(() => { $("judged").textContent = "not saved by the server: use “Save judgements”"; });
  }
  const article = document.querySelector(`article[data-index="${positions.get(id)}"]`);
  if (article) showJudgement(article, id);
  countJudged();
}
function countJudged() {
  const all = [...judgements.values()].filter((item) => positions.has(item.row));
  const parts = pair ? [...about.columns, "tie"].map((name) => [name, all.filter((item) => item.prefers === name).length])
    : ["good", "bad"].map((name) => [name, all.filter((item) => item.verdict === name).length]);
  const done = parts.reduce((sum, [, n]) => sum + n, 0);
  $("judged").textContent = !done ? "" : pair && about.blind ? `${done} judged` : parts.map(([name, n]) => `${n} ${name}`).join(", ");
}
$("save").addEventListener("click", () => {
  const lines = [...judgements.values()].map((item) => JSON.stringify(item) + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines], { type: "application/x-ndjson" }));
  link.download = "judgements.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
});

// ---- filters
const positions = new Map(about.index.map((item, i) => [item.id, i]));
const texts = [];
function textOf(i) {
  if (texts[i] === undefined) {
    const row = rowAt(i);
    texts[i] = [row.title, row.caption, row.subcaption, row.id, ...Object.values(row.captions).map((c) => c.text)].filter(Boolean).join("\n").toLowerCase();
  }
  return texts[i];
}
function options(select, values, all) {
  select.replaceChildren(new Option(all, ""), ...values.map((value) => new Option(value, value)));
}
const distinct = (values) => [...new Set(values.filter((v) => v !== null && v !== undefined))].sort();
options($("source"), distinct(about.index.map((item) => item.s)), "all");
options($("discipline"), distinct(about.index.map((item) => item.d)), "all");
options($("flag"), ["any flag", "no flag", ...distinct(about.index.flatMap((item) => item.f))], "all");
options($("verdict"), pair ? ["none yet", "judged"] : ["none yet", "judged", "good", "bad"], "all");
options($("score"), distinct(about.index.flatMap((item) => Object.keys(item.n))), "any");
// What no row has is no filter.
if ($("score").options.length === 1) for (const name of ["score", "least", "most"]) $(name).closest("label").hidden = true;
if ($("flag").options.length === 3) $("flag").closest("label").hidden = true;
let shown = [];
function fits(item, i, words) {
  const flag = $("flag").value, verdict = $("verdict").value, score = $("score").value, own = judgements.get(item.id);
  const judged = own && (own.verdict || own.prefers);
  if ($("source").value && item.s !== $("source").value) return false;
  if ($("discipline").value && item.d !== $("discipline").value) return false;
  if (flag === "any flag" ? !item.f.length : flag === "no flag" ? item.f.length : flag && !item.f.includes(flag)) return false;
  if (verdict === "none yet" ? judged : verdict === "judged" ? !judged : verdict && (!own || own.verdict !== verdict)) return false;
  if (score) {
    const value = item.n[score];
    if (value === undefined) return false;
    if ($("least").value !== "" && value < Number($("least").value)) return false;
    if ($("most").value !== "" && value > Number($("most").value)) return false;
  }
  return words.every((word) => textOf(i).includes(word));
}
function refresh() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = about.index.map((item, i) => [item, i]).filter(([item, i]) => fits(item, i, words)).map(([, i]) => i);
  const of = about.index.length < about.rows ? `, a sample of ${about.rows.toLocaleString("en")} rows` : "";
  $("count").textContent = `${shown.length.toLocaleString("en")} of ${about.index.length.toLocaleString("en")}${of}`;
  $("none").hidden = shown.length > 0;
  $("list").replaceChildren();
  current = -1;
  more();
}
let waiting = 0;
for (const name of ["source", "discipline", "flag", "verdict", "score"]) $(name).addEventListener("change", refresh);
for (const name of ["search", "least", "most"]) $(name).addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(refresh, 180); });
$("filters").addEventListener("submit", (event) => { event.preventDefault(); refresh(); });
$("judge").value = (() => { try { return localStorage.getItem("s1-mmalign:judge") || ""; } catch { return ""; } })();
$("judge").addEventListener("change", () => { try { localStorage.setItem("s1-mmalign:judge", $("judge").value); } catch { /* nothing is kept */ } });
$("more").addEventListener("click", () => $("more").setAttribute("aria-expanded", $("filters").classList.toggle("open")));

// ---- one row on the screen
function element(name, classes, ...children) {
  const node = document.createElement(name);
  if (classes) node.className = classes;
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
function marked(text, marks) {
  // Marks count characters as Python does (code points), JavaScript counts UTF-16 units.
  const letters = /[\ud800-\udbff]/.test(text) ? [...text] : text;
  const cut = (a, b) => (typeof letters === "string" ? letters.slice(a, b) : letters.slice(a, b).join(""));
  const node = element("p", "text");
  let at = 0;
  for (const [start, end, kind] of marks) {
    node.append(cut(at, start), element("mark", kind, cut(start, end)));
    at = end;
  }
  node.append(cut(at, undefined));
  return node;
}
function captionOf(row, column, title) {
  const caption = row.captions[column];
  const flags = element("div", "flags", ...caption.flags.map((flag) => element("span", "", flag)));
  const who = caption.model && !about.blind ? element("span", "who", ` by ${caption.model}`) : null;
  return element("div", "", element("h3", "", title, who), caption.text ? marked(caption.text, caption.marks) : element("p", "text who", "none"), about.blind ? null : flags);
}
function button(text, data, action) {
  const node = element("button", "", text);
  node.type = "button";
  Object.assign(node.dataset, data);
  node.setAttribute("aria-pressed", "false");
  node.addEventListener("click", action);
  return node;
}
function judgeBar(row) {
  const note = element("input", "");
  note.type = "text"; note.placeholder = "note"; note.setAttribute("aria-label", "note");
  note.addEventListener("change", () => judge(row.id, { note: note.value }));
  const [first, second] = sidesOf(row.id);
  const choices = pair
    ? [button("1 better", { prefer: first }, () => judge(row.id, { prefers: first })), button("2 better", { prefer: second }, () => judge(row.id, { prefers: second })), button("tie", { prefer: "tie" }, () => judge(row.id, { prefers: "tie" }))]
    : [button("good", { verdict: "good" }, () => judge(row.id, { verdict: "good" })), button("bad", { verdict: "bad" }, () => judge(row.id, { verdict: "bad" }))];
  return element("div", "judge", ...choices, note);
}
function showJudgement(article, id) {
  const item = judgements.get(id) || {};
  article.classList.toggle("good", item.verdict === "good");
  article.classList.toggle("bad", item.verdict === "bad");
  for (const node of article.querySelectorAll(".judge button")) {
    node.setAttribute("aria-pressed", String(node.dataset.verdict ? node.dataset.verdict === item.verdict : node.dataset.prefer === item.prefers));
  }
  const note = article.querySelector(".judge input");
  if (document.activeElement !== note) note.value = item.note || "";
}
function picture(row, i) {
  const source = pictureAt(i);
  if (!source) return element("div", "no-picture", "this image cannot be read");
  const image = element("img", "");
  image.src = source; image.loading = "lazy"; image.decoding = "async"; image.tabIndex = 0;
  image.alt = `${row.label || "Figure"} of ${row.title || row.id}`;
  image.width = row.width || 4; image.height = row.height || 3;
  const open = () => { $("large").firstElementChild.src = served ? `image?index=${i}&token=${token}` : source; $("large").showModal(); };
  image.addEventListener("click", open);
  image.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
  return image;
}
function articleOf(i) {
  const row = rowAt(i);
  const facts = [row.source, row.discipline, row.licence, `${row.width} × ${row.height} px`].filter(Boolean).join(" · ");
  const label = [row.label, row.panel ? `panel ${row.panel}` : null].filter(Boolean).join(", ");
  const figure = element("figure", "", picture(row, i), element("figcaption", "", row.id, document.createElement("br"), facts));
  const sides = sidesOf(row.id);
  const captions = pair
    ? element("div", "pair", ...sides.map((column, n) => captionOf(row, column, about.blind ? `Recaption ${n + 1}` : `${n + 1}: ${column}`)))
    : captionOf(row, sides[0], about.columns[0] === "recaption" ? "Recaption" : about.columns[0]);
  const scores = Object.entries(row.scores).map(([name, value]) => `${name} ${value}`).join(" · ");
  const contexts = row.contexts.length
    ? element("details", "", element("summary", "", `${row.contexts.length} citing paragraph${row.contexts.length > 1 ? "s" : ""}`), ...row.contexts.map((c) => marked(c.text, c.marks)))
    : null;
  const text = element("div", "", element("h2", "", row.title || row.id), element("div", "meta", label),
    element("h3", "", "Caption"), element("p", "text", row.caption), row.subcaption ? element("p", "text", row.subcaption) : null,
    captions, scores && !about.blind ? element("div", "scores", scores) : null, contexts, judgeBar(row));
  const article = element("article", "", figure, text);
  article.dataset.index = i;
  article.addEventListener("click", () => select([...$("list").children].indexOf(article), false));
  showJudgement(article, row.id);
  return article;
}
function more() {
  const from = $("list").childElementCount;
  $("list").append(...shown.slice(from, from + BATCH).map(articleOf));
}
new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) more(); }, { rootMargin: "1200px" }).observe($("sentinel"));

// ---- keyboard
let current = -1;
function select(position, scroll = true) {
  if (position < 0 || position >= shown.length) return;
  while ($("list").childElementCount <= position) more();
  document.querySelector("article.current")?.classList.remove("current");
  const article = $("list").children[position];
  article.classList.add("current");
  if (scroll) article.scrollIntoView({ block: "start" });
  current = position;
}
$("keys").textContent = pair ? "j / k next, previous · 1, 2 better, 0 tie · n note · / search" : "j / k next, previous · g good · b bad · n note · / search";
function act(letter) {
  const id = current >= 0 ? about.index[shown[current]].id : null;
  const change = id && (pair ? { 1: { prefers: sidesOf(id)[0] }, 2: { prefers: sidesOf(id)[1] }, 0: { prefers: "tie" } } : { g: { verdict: "good" }, b: { verdict: "bad" } })[letter];
  if (change) { judge(id, change); select(current + 1); return true; }
  if (letter === "j") { select(current + 1); return true; }
  if (letter === "k") { select(current - 1); return true; }
  if (letter === "n" && id) { $("list").children[current].querySelector(".judge input").focus(); return true; }
  if (letter === "/") { $("search").focus(); return true; }
  return false;
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
    if (event.key === "Escape" || (event.key === "Enter" && document.activeElement.closest(".judge"))) document.activeElement.blur();
    return;
  }
  if (!$("large").open && act(event.key)) event.preventDefault();
});
$("large").querySelector("button").addEventListener("click", () => $("large").close());
$("large").addEventListener("click", (event) => { if (event.target === $("large")) $("large").close(); });

load();
refresh();
countJudged();
if (served) fetch(`judgements?token=${token}`).then((answer) => answer.json()).then((list) => { take(list); refresh(); countJudged(); }).catch(() => {});
