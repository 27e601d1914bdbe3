// What the page says about the chosen word, and what is drawn anew when something changes.

function choose(place) {
  if (place === state.chosen) return;
  state.chosen = place;
  redraw();
}

function named(place) {
  return `${place + 1}\u00a0“${data.words[place]}”`;
}

function listed(texts) {
  if (texts.length < 2) return texts.join("");
  return `${texts.slice(0, -1).join(", ")} and ${texts[texts.length - 1]}`;
}

function drawView(view) {
  const place = document.querySelector(`[data-streams="${view.objective}"]`);
  const streams = ["content", "query"].filter((stream) => hasStream(view, stream));
  const names = streams.length === 1 ? { content: "States" } : { content: "Content stream", query: "Query stream" };
  const isSingle = streams.length === 1;
  const both = (stream) => [links(view, stream, state.chosen), matrix(view, stream)];
  place.replaceChildren(...streams.map((stream) => element("div", { class: isSingle ? "stream is-single" : "stream" },
    element("h4", {}, names[stream]), ...both(stream))));
  for (const box of place.querySelectorAll(".stream > .scrolls")) showState(box);
  if (hasStream(view, "placeholder")) {
    const more = element("details", {}, element("summary", {}, "What the placeholders see"), matrix(view, "placeholder"));
    more.open = state.placeholdersShown === true;
    more.addEventListener("toggle", () => { state.placeholdersShown = more.open; });
    place.append(more);
  }
  document.querySelector(`[data-says="${view.objective}"]`).textContent = saidOf(view);
}

// Where a picture is wider than the screen, show the part with the state that is asked.
function showState(box) {
  const circle = box.querySelector(".state");
  if (circle) box.scrollLeft = Number(circle.getAttribute("cx")) - box.clientWidth / 2;
}

function saidOf(view) {
  const query = asker(view, state.chosen);
  const memory = state.memory && !data.labels[view.objective].remembers ? " Its encoders keep no memory." : "";
  if (query === null) {
    return view.ranked_by === "place" ? `Nothing stands before ${named(state.chosen)}, so it is not predicted.${memory}`
      : `${named(state.chosen)} is known from the start, so nobody asks for it.${memory}`;
  }
  const seen = keysOf(view).filter((key) => seesKey(view, view.answers, query, key));
  const words = seen.filter((key) => key.kind === "content").map((key) => (key.text === "[MASK]" ? `${key.place + 1}\u00a0[MASK]` : named(key.place)));
  if (seen.some((key) => key.kind === "memory")) words.push("the memory");
  const placeholders = seen.filter((key) => key.kind === "placeholder").map((key) => String(key.place + 1));
  if (placeholders.length) words.push(`the places of ${listed(placeholders)}`);
  return `To predict ${named(state.chosen)}, it sees ${listed(words) || "nothing"}.${memory}`;
}

function contextOf(place) {
  const view = data.views.permutation;
  const seen = keysOf(view).filter((key) => seesKey(view, "query", place, key));
  const words = seen.filter((key) => key.kind === "content").map((key) => data.words[key.place]);
  return seen.some((key) => key.kind === "memory") ? [...words, "memory"] : words;
}

function drawExample() {
  const view = data.views.permutation;
  const arrows = state.order.map((place) => place + 1).join(" → ");
  const place = state.chosen;
  const text = document.getElementById("example");
  if (ranks()[place] === 0) {
    text.textContent = `The order is ${arrows}. ${named(place)} is known from the start; choose a word that is predicted.`;
    return;
  }
  const visible = placesOf(view, "content").filter((key) => sees(view, "query", "content", place, key)).map(named);
  if (state.memory && seesMemory(view, "query", place)) visible.push("the memory");
  text.textContent = `The order is ${arrows}. Predicting ${named(place)}, the query sees ${listed(visible) || "nothing"}` +
    `${state.memory ? "" : " (and the memory, where there is one)"}, and not its own word. The sentence is still read as “${data.words.join(" ")}”.`;
}

function drawRow() {
  const by = ranks();
  document.getElementById("row").replaceChildren(...data.words.map((word, place) => element("div", { class: place === state.chosen ? "cell is-chosen" : "cell" },
    element("span", { class: "number" }, String(place + 1)), element("strong", {}, word), element("span", { class: "hint" }, by[place] ? `rank ${by[place]}` : "known"))));
}

function drawFactors() {
  const known = state.order.length - state.predicted;
  document.getElementById("factors").replaceChildren(...state.order.slice(known).map((place) => {
    const button = element("button", { type: "button", class: "factor", "data-factor": place, "aria-pressed": place === state.chosen });
    button.append("p( ", element("strong", {}, data.words[place]), ` at ${place + 1} | ${contextOf(place).join(", ") || "nothing"} )`);
    button.addEventListener("click", () => { choose(place); document.querySelector(`[data-factor="${place}"]`).focus(); });
    return element("li", {}, button);
  }));
}

// The word predicted now, and the one that could be predicted in its place: both are asked with one context.
function drawSameContext() {
  const known = state.order.length - state.predicted;
  const chosenAt = Math.max(known, state.order.indexOf(state.chosen));
  const first = Math.min(chosenAt, state.order.length - 2);
  const [one, other] = [state.order[first], state.order[first + 1]];
  const text = document.getElementById("same-context");
  if (first < known) {
    text.textContent = "Predict two words or more, and two orders will ask for different places with the same context.";
    return;
  }
  const context = listed(contextOf(one).map((word) => `“${word}”`)) || "nothing";
  text.textContent = `Take two orders that differ in what comes next: after ${context}, one predicts place ${one + 1} and the other ` +
    `place ${other + 1}. Both queries see exactly the same words. If a query did not know its place, both would be the same state and give the same ` +
    `distribution, though place ${one + 1} holds “${data.words[one]}” and place ${other + 1} holds “${data.words[other]}”.`;
}

function drawOwn() {
  const view = data.views.permutation;
  const place = ranks()[state.chosen] > 0 ? state.chosen : state.order[state.order.length - state.predicted];
  document.getElementById("own").replaceChildren(
    element("div", {}, element("h4", {}, `Content at place ${place + 1}`), matrix(view, "content", [place])),
    element("div", {}, element("h4", {}, `Query at place ${place + 1}`), matrix(view, "query", [place])));
  const differing = keysOf(view).filter((key) => seesKey(view, "content", place, key) !== seesKey(view, "query", place, key));
  const readers = placesOf(view, "query").filter((query) => query !== place && sees(view, "query", "content", query, place));
  document.getElementById("own-says").textContent = `The two rows differ in ${differing.length} cell: ${listed(differing.map((key) => named(key.place)))}. ` +
    (readers.length ? `Its content is read by the queries of ${listed(readers.map(named))}.` : "It is the last of the order, so no query reads its content.");
}

function drawTargets() {
  const place = document.getElementById("targets");
  data.words.forEach((word, index) => {
    const input = element("input", { type: "radio", name: "target", value: index });
    input.addEventListener("change", () => choose(index));
    place.append(element("label", { class: "target" }, input, element("span", {}, element("small", {}, String(index + 1)), ` ${word}`)));
  });
}

function drawNames() {
  const names = data.names;
  const [first, second] = [names.first, names.second].map((shares) => shares.map(([word]) => word));
  const impossible = (one, other) => names.joint[one][other] === 0;
  document.getElementById("names").append(
    heat(first, second, names.product, "Each blank on its own: the product. Struck through: no name.", impossible),
    heat(first, second, names.joint, "Together: what is really meant"));
  document.getElementById("placeless").append(
    bars("First blank, place known", names.first), bars("Second blank, place known", names.second),
    bars("Either blank, place unknown", names.placeless));
}

// Only what is cut off needs to be reached by the keyboard, to be scrolled.
function markScrolls() {
  for (const box of document.querySelectorAll(".scrolls")) {
    if (box.scrollWidth > box.clientWidth) fill(box, { tabindex: "0", role: "group", "aria-label": "Scrolls sideways" }, []);
    else for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
  }
}

function redraw() {
  const slider = document.getElementById("count");
  slider.value = String(state.predicted);
  document.getElementById("count-shown").textContent = `${state.predicted} of ${data.words.length}`;
  for (const input of document.querySelectorAll("[name=target]")) input.checked = Number(input.value) === state.chosen;
  for (const view of Object.values(data.views)) drawView(view);
  labelChips();
  drawExample();
  drawRow();
  drawFactors();
  drawSameContext();
  drawOwn();
  markScrolls();
}

document.getElementById("count").addEventListener("input", (event) => { state.predicted = Number(event.target.value); redraw(); });
document.getElementById("memory").addEventListener("change", (event) => { state.memory = event.target.checked; redraw(); });
window.addEventListener("resize", markScrolls);
makeChips();
connectButtons();
drawTargets();
drawNames();
if (data.models.length) {
  drawPairs();
  drawModels();
}
redraw();
