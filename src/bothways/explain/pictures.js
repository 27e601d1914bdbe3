const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function drawn(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function forEars(text) {
  return element("span", { class: "for-ears" }, text);
}

function clipped(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

// A table of who sees whom; `rows` limits it to some places.
function matrix(view, stream, rows = placesOf(view, stream)) {
  const keys = keysOf(view);
  const names = { content: "content stream", query: "query stream", placeholder: "placeholders" };
  const table = element("table", { class: "mask", "data-view": view.objective, "data-stream": stream });
  if (keys.length > 14) table.classList.add("is-dense");
  table.append(element("caption", { class: "for-ears" }, `${data.labels[view.objective].title}, ${names[stream]}: who sees whom`));
  const head = element("tr", {}, element("td"));
  for (const key of keys) head.append(columnHead(key));
  table.append(element("thead", {}, head));
  const body = element("tbody");
  for (const query of rows) body.append(maskRow(view, stream, query, keys));
  table.append(body);
  return element("div", { class: "scrolls" }, table);
}

function columnHead(key) {
  const number = key.kind === "memory" ? "" : String(key.place + 1);
  return element("th", { scope: "col", class: `is-${key.kind}` },
    element("span", { class: "upright" }, clipped(key.text, 10)), element("span", { class: "number" }, number));
}

function maskRow(view, stream, query, keys) {
  const text = stream === "content" ? shown(view, query) : stream === "query" ? `${data.words[query]} ?` : "[MASK]";
  const row = element("tr", {}, element("th", { scope: "row" },
    element("span", { class: "number" }, String(query + 1)), ` ${clipped(text, 11)}`));
  if (stream === view.answers && query === asker(view, state.chosen)) row.classList.add("is-chosen");
  for (const key of keys) {
    const seen = seesKey(view, stream, query, key);
    row.append(element("td", {
      "data-query": query, "data-key": key.place, "data-kind": key.kind, "data-seen": seen,
      class: `is-${key.kind}`,
    }, forEars(seen ? "sees" : "–")));
  }
  return row;
}

const STEP = 62, TOP = 32, WORDS = 118, BELOW = 156;

// One state above, lines to what it sees below; what it does not see is faint.
function links(view, stream, place) {
  const keys = keysOf(view);
  const remembered = keys.filter((key) => key.kind === "memory").length;
  const at = (key) => STEP / 2 + STEP * (key.kind === "memory" ? key.place : remembered + key.place);
  const width = STEP * (remembered + data.words.length);
  const height = bottom(view) + 34;
  const query = stream === view.answers ? asker(view, place) : place;
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: `links is-${stream}` });
  picture.append(drawn("title", {}, sentenceOf(view, stream, query, keys)));
  if (query !== null) {
    const above = STEP / 2 + STEP * (remembered + query);
    for (const key of keys) {
      if (!seesKey(view, stream, query, key)) continue;
      picture.append(drawn("path", { class: `link is-${key.kind}`, d: link(above, at(key), key) }));
    }
    picture.append(drawn("circle", { cx: above, cy: TOP, r: 13, class: "state" }),
      drawn("text", { x: above, y: TOP + 4, class: "inside" }, stream === "query" ? "?" : stream === "content" && view.answers === "query" ? "•" : "?"));
    if (view.ahead) arrow(picture, above, place, remembered);
  }
  for (const key of keys) node(picture, view, at(key), key, query !== null && seesKey(view, stream, query, key));
  return element("div", { class: "scrolls" }, picture);
}

// The height at which the numbers of places are written.
function bottom(view) {
  return hasStream(view, "placeholder") ? BELOW : WORDS;
}

// A line from a state to a key; those to placeholders run down beside the word that stands above.
function link(from, to, key) {
  if (key.kind !== "placeholder") return `M${from} ${TOP + 12} C${from} ${TOP + 48} ${to} ${WORDS - 52} ${to} ${WORDS - 14}`;
  const side = to + (from < to ? -1 : 1) * STEP / 2;
  return `M${from} ${TOP + 12} C${from} ${TOP + 48} ${side} ${WORDS - 56} ${side} ${WORDS - 14} V${WORDS + 12} Q${side} ${BELOW - 18} ${to + (side - to) / 2} ${BELOW - 13}`;
}

function arrow(picture, from, place, remembered) {
  const to = STEP / 2 + STEP * (remembered + place);
  picture.append(drawn("path", { class: "predicts", d: `M${from + 15} ${TOP} H${to}` }),
    drawn("path", { class: "predicts-head", d: `M${to - 1} ${TOP} l-8 -5 v10 z` }),
    drawn("text", { x: to, y: TOP - 14, class: "predicts-text" }, clipped(data.words[place], 9)));
}

function node(picture, view, x, key, seen) {
  const y = key.kind === "placeholder" ? BELOW : WORDS;
  const kind = `${seen ? "is-seen" : "is-unseen"} is-${key.kind}`;
  picture.append(drawn("rect", { x: x - 28, y: y - 13, width: 56, height: 24, rx: 5, class: `key ${kind}` }),
    drawn("text", { x, y: y + 3, class: `key-text ${kind}` }, clipped(key.text, 8)));
  if (key.kind === "content") {
    const rank = view.ranked_by === "order" && view.answers === "query" ? ranks()[key.place] : null;
    picture.append(drawn("text", { x, y: bottom(view) + 25, class: "under" }, rank === null ? `${key.place + 1}` : rank ? `${key.place + 1} · rank ${rank}` : `${key.place + 1} · known`));
  }
}

function sentenceOf(view, stream, query, keys) {
  if (query === null) return "Nobody asks for this word.";
  const seen = keys.filter((key) => seesKey(view, stream, query, key));
  const names = seen.map((key) => (key.kind === "memory" ? "memory" : key.kind === "placeholder" ? `the placeholder of ${key.place + 1}` : `${key.place + 1} ${key.text}`));
  return `The ${stream} at place ${query + 1} sees ${names.join(", ") || "nothing"}.`;
}

// A table of shares: the darker, the more.
function heat(rows, columns, shares, caption, mark = () => false) {
  const most = Math.max(...shares.flat());
  const table = element("table", { class: "heat" }, element("caption", { class: "for-ears" }, caption));
  table.append(element("thead", {}, element("tr", {}, element("td"), ...columns.map((text) => element("th", { scope: "col" }, element("span", { class: "upright" }, clipped(text, 12)))))));
  const body = element("tbody");
  rows.forEach((text, one) => {
    const row = element("tr", {}, element("th", { scope: "row" }, clipped(text, 12)));
    columns.forEach((_, other) => {
      const cell = element("td", {}, percent(shares[one][other]));
      cell.style.setProperty("--share", String(Math.sqrt(shares[one][other] / most)));
      if (mark(one, other)) cell.classList.add("is-marked");
      row.append(cell);
    });
    body.append(row);
  });
  table.append(body);
  return element("div", {}, element("h4", { "aria-hidden": "true" }, caption), element("div", { class: "scrolls" }, table));
}

// Bars of shares, one a line; `mark` names the one that is true.
function bars(title, entries, mark = null) {
  const list = element("ul", { class: "bars" });
  for (const [text, share] of entries) {
    const bar = element("span", { class: "bar" });
    bar.style.setProperty("--share", String(share));
    const line = element("li", {}, element("span", { class: "bar-text" }, text), bar, element("span", { class: "bar-share" }, percent(share)));
    if (text === mark) line.classList.add("is-true");
    list.append(line);
  }
  return element("div", {}, element("h4", {}, title), list);
}

function percent(share) {
  if (share === 0) return "0";
  if (share >= 0.0995) return `${Math.round(share * 100)}%`;
  if (share >= 0.00995) return `${(share * 100).toFixed(1)}%`;
  return share >= 0.0001 ? `${(share * 100).toFixed(2)}%` : "<0.01%";
}
