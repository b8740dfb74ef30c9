"use strict";
// What is chosen, and what of the data it shows. The data: advspectra/explorer/content.py.
const data = JSON.parse(document.getElementById("data").textContent);
const NAMES = ["network", "alpha", "attack", "seed", "image", "checkpoint"];
const at = Object.fromEntries([...NAMES, "when", "about", "numbers", "spectrum", "coarse", "curve", "rows", "example",
  "example-text"].map(id => [id, document.getElementById(id)]));
// white noise is pale; colours that readers with any kind of colour vision tell apart
const COLOURS = [[23, 50, 99], [86, 139, 184], [245, 241, 232], [216, 124, 64], [110, 26, 14]];
const DECADES = 2;  // of the colours, below and above white noise
const WHITE = "#555", DELTA = "#9a3412";

const unique = values => [...new Set(values)];
const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
const digits = (value, count = 3) => value === null ? "–" : String(Number(value.toPrecision(count)));
const percent = value => value === null ? "–" : `${Number((100 * value).toFixed(1))} %`;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// options : [value, text]; the choice stays if it is among them
function offer(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", {value}, text)));
  if (options.some(([value]) => value === before)) select.value = before;
  select.disabled = options.length < 2;
}

function chosenView() {
  const named = (views, name) => views.filter(view => view[name] === at[name].value);
  offer(at.network, unique(data.views.map(view => view.network)).map(name => [name, name]));
  let views = named(data.views, "network");
  offer(at.alpha, unique(views.map(view => view.alpha)).map(alpha => [alpha, alpha]));
  views = named(views, "alpha");
  offer(at.attack, views.map(view => [view.attack, view.about ? `${view.attack}: ${view.about}` : view.attack]));
  return named(views, "attack")[0];
}

function update() {
  const view = chosenView(), several = view.seeds.length > 1, last = view.checkpoints.length - 1;
  const each = several && view.checkpoints[0].each ? view.seeds.map(seed => [String(seed), `seed ${seed}`]) : [];
  offer(at.seed, [["mean", several ? `mean of ${view.seeds.length} seeds` : `seed ${view.seeds[0]}`], ...each]);
  at.checkpoint.max = last;
  at.checkpoint.disabled = last === 0;
  const checkpoint = view.checkpoints[at.checkpoint.value];
  offer(at.image, checkpoint.examples.flatMap((one, number) => one ? [[String(number), one.image]] : []));
  const place = view.seeds.indexOf(Number(at.seed.value));
  const series = view.checkpoints.map(one => at.seed.value === "mean" ? one.mean : one.each[place]);
  const numbers = series[at.checkpoint.value];
  const when = `${checkpoint.label}${checkpoint.best && !checkpoint.label.startsWith("best") ? ", the best" : ""}`;
  at.when.textContent = `${when} (${Number(at.checkpoint.value) + 1} of ${last + 1})`;
  at.checkpoint.setAttribute("aria-valuetext", when);
  at.about.textContent = last ? "" : "This network was attacked at one checkpoint alone, so the slider has nothing to move over.";
  showNumbers(numbers);
  showSpectrum(numbers);
  showCurve(series, numbers);
  showExample(view, checkpoint.examples[at.image.value]);
  remember();
}

function showNumbers(numbers) {
  const found = {
    "f₀.₅": `${digits(numbers.f)} cycles/image`,
    "f₀.₅ of white noise": `${digits(data.white.frequency)} cycles/image`,
    "test accuracy": percent(numbers.accuracy),
    "attack succeeds": `${numbers.successes} of ${numbers.attacked} images`,
    "median ‖δ‖∞ of successes": numbers.linf === null ? "–" : `${digits(255 * numbers.linf)}/255`,
    "images in the spectrum": String(numbers.n),
  };
  at.numbers.replaceChildren(...Object.entries(found).map(
    ([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function colour(decades) {
  const place = 2 + 2 * Math.max(-1, Math.min(1, decades / DECADES)), low = Math.min(3, Math.floor(place));
  return COLOURS[low].map((value, part) => Math.round(value + (place - low) * (COLOURS[low + 1][part] - value)));
}

// paint : the colour [r, g, b] of each pixel by its number
function canvas(rows, columns, paint) {
  const made = element("canvas", {width: columns, height: rows}), image = new ImageData(columns, rows);
  for (let pixel = 0; pixel < rows * columns; pixel++) image.data.set([...paint(pixel), 255], 4 * pixel);
  made.getContext("2d").putImageData(image, 0, 0);
  return made;
}

function missing(place, text) {
  place.replaceChildren(element("p", {}, text));
}

function showSpectrum(numbers) {
  const side = data.limits.block;
  at.coarse.textContent = side > 1 ? `Each pixel is a mean of ${side} × ${side} frequencies.` : "";
  if (!numbers.spectrum) return missing(at.spectrum, "No attacked image has a spectrum here.");
  const {low, high, size: [rows, columns]} = numbers.spectrum, codes = bytes(numbers.spectrum.codes);
  const decades = code => code ? low + (high - low) * (code - 1) / 254 : -Infinity;
  const image = canvas(rows, columns, pixel => colour(decades(codes[pixel])));
  const [[top, bottom], [left, right]] = data.edges, wide = 320, unit = wide / (right - left);
  const high_ = unit * (bottom - top), x = k => 44 + unit * (k - left), y = k => 6 + unit * (k - top);
  const step = [1, 2, 5, 10, 20, 50, 100, 200].find(one => one >= (right - left) / 4);
  const ticks = (start, end) => [-1, 0, 1].map(one => one * step).filter(k => k > start && k < end);
  const label = `Mean spectrum, f₀.₅ = ${digits(numbers.f)} cycles/image`;
  at.spectrum.replaceChildren(drawn("svg", {viewBox: `0 0 ${wide + 50} ${high_ + 44}`, role: "img", "aria-label": label},
    drawn("image", {x: x(left), y: y(top), width: wide, height: high_, href: image.toDataURL(), preserveAspectRatio: "none"}),
    drawn("rect", {x: x(left), y: y(top), width: wide, height: high_, fill: "none", stroke: "#888"}),
    drawn("circle", {cx: x(0), cy: y(0), r: unit * numbers.f, fill: "none", stroke: "#000", "stroke-dasharray": "4 3"}),
    ...ticks(left, right).map(k => drawn("text", {x: x(k), y: y(bottom) + 15, "text-anchor": "middle"}, String(k))),
    ...ticks(top, bottom).map(k => drawn("text", {x: 40, y: y(k) + 4, "text-anchor": "end"}, String(k))),
    drawn("text", {x: x(0), y: y(bottom) + 32, "text-anchor": "middle"}, "kx (cycles/image)"),
    drawn("text", {x: 12, y: y(0), "text-anchor": "middle", transform: `rotate(-90 12 ${y(0)})`}, "ky")));
}

function showCurve(series, numbers) {
  const white = data.white.shares, last = white.length - 1;
  const top = 1.05 * Math.max(...white, ...series.flatMap(one => one.shares || []));
  const x = k => 46 + 304 * k / last, y = share => 270 - 258 * share / top;
  const line = (shares, about) => drawn("polyline",
    {points: shares.map((share, k) => `${x(k).toFixed(1)},${y(share).toFixed(1)}`).join(" "), fill: "none", ...about});
  const upright = (k, text, about, left, height) => [
    drawn("line", {x1: x(k), x2: x(k), y1: y(0), y2: 12, ...about}),
    drawn("text", {x: x(k) + (left ? -4 : 4), y: height, "text-anchor": left ? "end" : "start"}, text)];
  const above = numbers.f > data.white.frequency;
  const step = [1, 2, 5, 10, 20, 50, 100].find(one => last / one <= 7);
  const share = [.005, .01, .02, .05, .1, .2, .5].find(one => top / one <= 5.5) ?? 1;
  const grid = [1, 2, 3, 4, 5].map(times => times * share).filter(one => one < top);
  const label = `Radial curve, f₀.₅ = ${digits(numbers.f)} cycles/image, white noise ${digits(data.white.frequency)}`;
  at.curve.replaceChildren(drawn("svg", {viewBox: "0 0 360 316", role: "img", "aria-label": label},
    ...grid.flatMap(share => [drawn("line", {x1: x(0), x2: x(last), y1: y(share), y2: y(share), stroke: "#e6e6e6"}),
      drawn("text", {x: 41, y: y(share) + 4, "text-anchor": "end"}, percent(share))]),
    drawn("line", {x1: x(0), x2: x(last), y1: y(0), y2: y(0), stroke: "#888"}),
    ...white.flatMap((_, k) => k % step ? [] : [drawn("text", {x: x(k), y: 286, "text-anchor": "middle"}, String(k))]),
    drawn("text", {x: x(last / 2), y: 304, "text-anchor": "middle"}, "radial frequency (cycles/image)"),
    ...series.flatMap(one => one.shares && one !== numbers ? [line(one.shares, {stroke: "#c9c9c9"})] : []),
    line(white, {stroke: WHITE, "stroke-width": 2, "stroke-dasharray": "2 3"}),
    ...upright(data.white.frequency, `white noise ${digits(data.white.frequency)}`, {stroke: WHITE, "stroke-dasharray": "2 3"}, above, 36),
    ...(numbers.shares ? [line(numbers.shares, {stroke: DELTA, "stroke-width": 2.5, id: "of-delta"}),
      ...upright(numbers.f, `δ ${digits(numbers.f)}`, {stroke: DELTA}, !above && numbers.f > last / 6, 20)] : [])));
  at.rows.replaceChildren(...white.map((share, k) => element("tr", {}, element("th", {scope: "row"}, String(k)),
    element("td", {}, numbers.shares ? numbers.shares[k].toFixed(4) : "–"), element("td", {}, share.toFixed(4)))));
}

function showExample(view, example) {
  at["example-text"].textContent = "";
  if (!example) return missing(at.example, data.limits.examples ? "This attack was not tried on an example here."
    : "This study is too large for examples in one page; its HDF5 files have all perturbations.");
  const image = data.images[example.image], [rows, columns, channels] = image.size;
  const clean = bytes(image.pixels), delta = bytes(example.pixels);
  const factor = 2 ** Math.max(0, Math.floor(Math.log2(.5 / (example.largest || 1)) + .01));
  const change = place => 255 * example.largest * (delta[place] - 128) / 127;
  const colours = value => pixel => [0, 1, 2].map(part => value(channels * pixel + Math.min(part, channels - 1)));
  const name = label => data.classes[label];
  const shown = (value, title, text) => {
    const picture = canvas(rows, columns, colours(value));
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", `${title}: ${text}`);
    return element("figure", {}, picture, element("figcaption", {}, element("b", {}, title), ` ${text}`));
  };
  at.example.replaceChildren(
    shown(place => clean[place], "x", `${example.image}, ${name(image.label)}; the network says ${name(example.before)}`),
    shown(place => 127.5 + factor * change(place), `δ × ${factor}`, `grey is 0; ‖δ‖∞ = ${digits(255 * example.largest)}/255`),
    shown(place => clean[place] + change(place), "x + δ", `the network says ${name(example.after)}`));
  const seed = view.seeds.length > 1 ? `Of seed ${view.seeds[0]}. ` : "";
  const centre = Math.max(rows, columns) >= data.limits.crop ? `At most the central ${data.limits.crop} pixels a side. ` : "";
  at["example-text"].textContent = `${seed}${centre}The attack ${example.success ? "succeeds" : "does not succeed"} on this image.`;
}

// the choice stands in the address, so that a link or a reload leads back to it; inside another page there is none
function remember() {
  const chosen = new URLSearchParams(NAMES.map(name => [name, at[name].value]));
  if (location.protocol !== "data:" && window === window.top) history.replaceState(null, "", `#${chosen}`);
}

function start() {
  const longest = data.views.reduce((one, two) => two.checkpoints.length > one.checkpoints.length ? two : one);
  const wanted = new URLSearchParams(location.hash.slice(1));
  at.checkpoint.max = 1000;
  at.checkpoint.value = wanted.get("checkpoint") ?? longest.checkpoints.length - 1;
  for (const name of ["network", "alpha", "attack"]) {
    chosenView();
    for (const value of [longest[name], wanted.get(name)])
      if ([...at[name].options].some(option => option.value === value)) at[name].value = value;
  }
  update();
  for (const name of ["seed", "image"]) {
    if ([...at[name].options].some(option => option.value === wanted.get(name))) at[name].value = wanted.get(name);
  }
  update();
}

document.querySelector(".scale div").style.background =
  `linear-gradient(to right, ${COLOURS.map(one => `rgb(${one})`).join(", ")})`;
document.querySelector("main").addEventListener("input", update);
document.getElementById("choices").addEventListener("submit", event => event.preventDefault());
if (data.views.length) start();
else missing(at.about, "No network of this study was attacked.");
