"use strict";

// What Python wrote into the page. Masks are tables by rank; this file finds cells in them and knows no rule.
const data = JSON.parse(document.getElementById("data").textContent);
const state = {
  order: [...data.order],
  predicted: data.predicted,
  chosen: data.order[data.order.length - data.predicted],
  memory: false,
};

// When each word is predicted: 1, 2, 3…, or 0 if it is known from the start.
function ranks() {
  const known = state.order.length - state.predicted;
  const found = data.words.map(() => 0);
  state.order.slice(known).forEach((place, index) => { found[place] = index + 1; });
  return found;
}

function ranksFor(view) {
  return view.ranked_by === "place" ? data.words.map((_, place) => place) : ranks();
}

function sees(view, stream, keys, query, key) {
  const by = ranksFor(view);
  return view.seen[`${stream}>${keys}`][by[query]][by[key]] === "1";
}

function seesMemory(view, stream, query) {
  return view.seen[`${stream}>memory`][ranksFor(view)[query]] === "1";
}

function hasStream(view, stream) {
  return `${stream}>content` in view.seen;
}

// Words of a stream: every place has content, only predicted ones a query and a placeholder.
function placesOf(view, stream) {
  const by = ranks();
  return data.words.map((_, place) => place).filter((place) => stream === "content" || by[place] > 0);
}

// What can be looked at, in the order of a table's columns.
function keysOf(view) {
  const remembered = state.memory && data.labels[view.objective].remembers
    ? Array.from({ length: data.remembered }, (_, index) => ({ kind: "memory", place: index, text: "memory" })) : [];
  const words = placesOf(view, "content").map((place) => ({ kind: "content", place, text: shown(view, place) }));
  const more = hasStream(view, "placeholder")
    ? placesOf(view, "placeholder").map((place) => ({ kind: "placeholder", place, text: "[MASK]" })) : [];
  return [...remembered, ...words, ...more];
}

function seesKey(view, stream, query, key) {
  return key.kind === "memory" ? seesMemory(view, stream, query) : sees(view, stream, key.kind, query, key.place);
}

// What stands at a place: a masked model never shows what it predicts.
function shown(view, place) {
  return view.objective === "masked" && ranks()[place] > 0 ? "[MASK]" : data.words[place];
}

// The place whose state predicts the word at `place`, or null where nobody asks for it.
function asker(view, place) {
  if (view.ranked_by === "order" && ranks()[place] === 0) return null;
  const stands = place - view.ahead;
  return stands < 0 ? null : stands;
}
