// The words in the order of prediction: dragged by a pointer, moved by arrow keys or by buttons.

const chips = document.getElementById("chips");
const chipOf = new Map();
let dragged = null;

function makeChips() {
  for (const place of state.order) {
    const button = element("button", { type: "button", class: "chip", "data-place": place });
    button.addEventListener("keydown", (event) => moveByKey(event, place));
    button.addEventListener("pointerdown", (event) => beginDrag(event, place));
    button.addEventListener("pointermove", drag);
    button.addEventListener("pointerup", endDrag);
    button.addEventListener("pointercancel", endDrag);
    button.addEventListener("focus", () => choose(place));
    chipOf.set(place, element("li", {}, button));
    chips.append(chipOf.get(place));
  }
}

// Everything else is put around the word that is moved, which so keeps its focus and its pointer.
function arrange(fixed) {
  const anchor = chipOf.get(fixed);
  let isAfter = false;
  for (const place of state.order) {
    if (place === fixed) isAfter = true;
    else if (isAfter) chips.append(chipOf.get(place));
    else chips.insertBefore(chipOf.get(place), anchor);
  }
}

function labelChips() {
  const by = ranks();
  state.order.forEach((place, index) => {
    const button = chipOf.get(place).firstChild;
    button.replaceChildren(element("span", { class: "chip-rank" }, by[place] ? `rank ${by[place]}` : "known"),
      element("span", { class: "chip-word" }, data.words[place]), element("span", { class: "chip-place" }, `place ${place + 1}`));
    button.classList.toggle("is-known", by[place] === 0);
    button.classList.toggle("is-chosen", place === state.chosen);
    button.setAttribute("aria-label", `${data.words[place]}, place ${place + 1}, number ${index + 1} of ${state.order.length} in the order, ${by[place] ? "predicted" : "known from the start"}`);
  });
}

function moveTo(place, index) {
  const from = state.order.indexOf(place);
  const to = Math.max(0, Math.min(state.order.length - 1, index));
  if (from === to) return;
  state.order.splice(from, 1);
  state.order.splice(to, 0, place);
  arrange(place);
  announce();
  redraw();
}

function setOrder(order) {
  state.order = order;
  arrange(order[0]);
  announce();
  redraw();
}

function announce() {
  document.getElementById("announced").textContent =
    `Order of prediction: ${state.order.map((place) => `${data.words[place]} (${place + 1})`).join(", ")}`;
}

function moveByKey(event, place) {
  const index = state.order.indexOf(place);
  const to = { ArrowLeft: index - 1, ArrowUp: index - 1, ArrowRight: index + 1, ArrowDown: index + 1, Home: 0, End: state.order.length - 1 }[event.key];
  if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  moveTo(place, to);
}

function beginDrag(event, place) {
  if (event.button !== 0) return;
  dragged = place;
  event.currentTarget.setPointerCapture(event.pointerId);
  event.currentTarget.classList.add("is-dragged");
}

function drag(event) {
  if (dragged === null) return;
  const from = state.order.indexOf(dragged);
  state.order.forEach((place, index) => {
    const box = chipOf.get(place).firstChild.getBoundingClientRect();
    const isHere = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    const middle = (box.left + box.right) / 2;
    // Past the middle only, or words of unlike length would change places for ever.
    const isPast = index > from ? event.clientX > middle : event.clientX < middle;
    if (isHere && place !== dragged && isPast) moveTo(dragged, index);
  });
}

function endDrag(event) {
  if (dragged === null) return;
  event.currentTarget.classList.remove("is-dragged");
  dragged = null;
}

const ORDERS = {
  given: () => [...data.order],
  reading: () => data.words.map((_, place) => place),
  reverse: () => data.words.map((_, place) => place).reverse(),
  shuffle: () => state.order.map((place) => [Math.random(), place]).sort((one, other) => one[0] - other[0]).map(([, place]) => place),
  all: () => { state.predicted = data.words.length; return [...state.order]; },
};

function connectButtons() {
  for (const button of document.querySelectorAll("[data-order]")) {
    button.addEventListener("click", () => setOrder(ORDERS[button.dataset.order]()));
  }
  for (const button of document.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => moveTo(state.chosen, state.order.indexOf(state.chosen) + Number(button.dataset.move)));
  }
}
