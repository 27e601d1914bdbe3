// What trained models say. All numbers were computed by the library; here they are only chosen and drawn.

function options(label, texts, chosen, change) {
  const select = element("select");
  texts.forEach((text, index) => select.append(element("option", { value: index }, text)));
  select.value = String(chosen);
  select.addEventListener("change", () => change(Number(select.value)));
  return element("label", { class: "select" }, `${label} `, select);
}

function drawPairs() {
  const place = document.getElementById("pairs");
  const able = data.models.filter((model) => model.pairs.length);
  const unable = data.models.filter((model) => !model.pairs.length).map((model) => model.name);
  const now = { model: 0, pair: able.length ? mostApart(able[0]) : 0 };
  const redrawPairs = () => {
    place.replaceChildren(element("h3", {}, "The same with a trained model"));
    if (unable.length) place.append(element("p", { class: "hint" }, `${unable.join(", ")}: reads from left to right only, so no blank knows what stands after it.`));
    if (!able.length) return;
    const model = able[now.model];
    const pair = model.pairs[now.pair];
    place.append(element("div", { class: "controls" },
      options("Model", able.map((each) => each.name), now.model, (index) => { now.model = index; now.pair = mostApart(able[index]); redrawPairs(); }),
      options("Hidden", model.pairs.map((each) => `${each.first[0]} ${each.second[0]}`), now.pair, (index) => { now.pair = index; redrawPairs(); })));
    const isTrue = (one, other) => one === 0 && other === 0;
    place.append(element("div", { class: "columns" },
      heat(pair.first, pair.second, pair.independent, "Each blank on its own: the product of both", isTrue),
      heat(pair.first, pair.second, pair.joint, "Together: the first, then the second given the first", isTrue)));
    place.append(element("p", {}, pairSentence(model, pair)));
    markScrolls();
  };
  redrawPairs();
}

// The pair whose truth gains most from being filled together.
function mostApart(model) {
  const gain = (pair) => pair.joint[0][0] / pair.independent[0][0];
  return model.pairs.reduce((best, pair, index) => (gain(pair) > gain(model.pairs[best]) ? index : best), 0);
}

function pairSentence(model, pair) {
  const best = (shares) => {
    let found = [0, 0];
    shares.forEach((row, one) => row.forEach((share, other) => { if (share > shares[found[0]][found[1]]) found = [one, other]; }));
    return found;
  };
  const named = ([one, other]) => `“${pair.first[one]} ${pair.second[other]}”`;
  const alone = best(pair.independent);
  const together = best(pair.joint);
  const nats = (share) => (-Math.log(share)).toFixed(2);
  return `Filled on their own, the blanks read ${named(alone)} (${percent(pair.independent[alone[0]][alone[1]])}; together that pair gets ` +
    `${percent(pair.joint[alone[0]][alone[1]])}). Filled together, the best pair shown is ${named(together)} (${percent(pair.joint[together[0]][together[1]])}). ` +
    `The true pair ${named([0, 0])} costs ${nats(pair.independent[0][0])} nats independently and ${nats(pair.joint[0][0])} jointly.`;
}

function drawModels() {
  const place = document.getElementById("said");
  for (const [index, model] of data.models.entries()) place.append(drawModel(model, index));
}

function drawModel(model, index) {
  const now = { blank: 0, layer: 0, head: 0, stream: 0 };
  const card = element("article", { class: "panel is-model", "data-model": index });
  const redrawModel = () => {
    const blank = model.blanks[now.blank];
    card.replaceChildren(element("h3", {}, model.name),
      element("p", { class: "who" }, `objective: ${model.objective}${model.answered_by ? `; answered by ${model.answered_by}` : ""}`),
      tokenRow(model, now, index, redrawModel));
    const sides = model.pairs.length ? "everything else given" : "given what stands before it";
    const said = element("div", {}, bars(`What stands at the blank, ${sides}`, blank.best.map((guess) => [guess.text, guess.probability]), blank.truth.text),
      element("p", { class: "now" }, `The true “${blank.truth.text}” has ${percent(blank.truth.probability)} and is number ${blank.rank}.`));
    card.append(element("div", { class: "columns" }, said, attention(model, now, redrawModel)));
  };
  redrawModel();
  return card;
}

function tokenRow(model, now, index, change) {
  const hidden = model.blanks[now.blank].place;
  const row = element("div", { class: "tokens", role: "group", "aria-label": "Hide a token" });
  model.tokens.forEach((text, place) => {
    const number = model.blanks.findIndex((blank) => blank.place === place);
    const button = element("button", { type: "button", class: "token", "aria-pressed": place === hidden }, place === hidden ? "___" : text);
    if (number < 0) button.disabled = true;
    if (!model.pairs.length && place > hidden) button.classList.add("is-unread");
    button.addEventListener("click", () => {
      now.blank = number;
      change();
      document.querySelector(`[data-model="${index}"] .token[aria-pressed="true"]`).focus();
    });
    row.append(button);
  });
  return row;
}

function attention(model, now, change) {
  const looks = model.looks;
  if (!looks) return element("p", { class: "hint" }, "No attention is shown: another encoder answers than the one that was trained to be used.");
  const numbers = (count) => Array.from({ length: count }, (_, index) => String(index + 1));
  const heads = looks.shares[now.blank][now.stream][now.layer];
  const keys = looks.keys[now.blank];
  const average = keys.map((_, key) => heads.reduce((sum, head) => sum + head[key], 0) / heads.length);
  const shares = now.head === 0 ? average : heads[now.head - 1];
  const choices = element("div", { class: "controls" },
    options("Layer", numbers(looks.layers), now.layer, (value) => { now.layer = value; change(); }),
    options("Head", ["average", ...numbers(looks.heads)], now.head, (value) => { now.head = value; change(); }));
  if (looks.streams.length > 1) choices.append(options("Stream", looks.streams, now.stream, (value) => { now.stream = value; change(); }));
  return element("div", {}, bars("Where it looks", keys.map((text, key) => [text, shares[key] / 1000])), choices);
}
