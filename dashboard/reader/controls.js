// The menus, switches and keys that move the place.

const STEP = 600 // milliseconds a layer, when the film runs

function select(label, options, value, changed) {
  const menu = make("select", { onchange: () => changed(menu.value) },
    ...options.map(([id, text]) => make("option", { value: id, text })))
  menu.value = value
  return make("label", { class: "field" }, make("span", { text: label }), menu)
}

function segments(label, name, options, reader) {
  const buttons = options.map(([id, text]) => make("button", { type: "button", text,
    "data-value": id, "aria-pressed": "false", onclick: () => reader.choose({ [name]: id }) }))
  const made = make("div", { class: "field" }, make("span", { text: label }),
    make("div", { class: "segments", role: "group", "aria-label": label }, ...buttons))
  made.show = (value) => buttons.forEach((button) =>
    button.setAttribute("aria-pressed", String(button.dataset.value === value)))
  return made
}

function check(label, name, reader, help = null) {
  const box = make("input", { type: "checkbox",
    onchange: () => reader.choose({ [name]: String(box.checked) }) })
  const made = make("label", { class: "check", title: help }, box, make("span", { text: label }))
  made.show = (value) => { box.checked = value === "true" }
  return made
}

function slider(label, low, high, step, changed) {
  const range = make("input", { type: "range", min: low, max: high, step,
    oninput: () => changed(range.value) })
  const made = make("label", { class: "field slide" }, make("span", { text: label }), range)
  made.show = (value, text) => {
    range.value = value
    range.setAttribute("aria-valuetext", text)
    made.firstChild.textContent = `${label} ${text}`
  }
  return made
}

function buildControls(reader) {
  const { header } = reader
  const heads = [["mean", "mean"], ...Array.from({ length: header.heads }, (_, h) =>
    [String(h), String(h)])]
  const parts = {
    play: make("button", { type: "button", class: "play", onclick: () => play(reader) }),
    layer: slider("Layer", 0, header.layers, 1, (layer) => reader.choose({ layer })),
    head: select("Head", heads, reader.at.head, (head) => reader.choose({ head })),
    map: segments("Map", "map", [["attention", "Attention"], ["contribution", "Contribution"]],
      reader),
    difference: header.difference
      ? check(`Minus ${header.compared}`, "difference", reader,
        "The map minus the other condition's, patch by patch.") : null,
  }
  parts.layer.querySelector("input").classList.add("layers")
  reader.controls = parts
  return make("div", { class: "controls" },
    ...[parts.play, parts.layer, parts.head, parts.map, parts.difference].filter(Boolean))
}

function buildLook(reader) {
  const parts = {
    opacity: slider("Opacity", 0, 1, 0.05, (value) =>
      reader.choose({ opacity: Number(value).toFixed(2) })),
    own_scale: check("Own scale", "own_scale", reader, "Colours from this map's least to its largest value. "
      + "Off: one scale for all heads and layers of the picture, so that maps compare."),
    smooth: check("Smooth", "smooth", reader, "Interpolate between patches. Off: every patch is "
      + "one flat square, as it is."),
    hide: check("Hide outlier tokens", "hide", reader, "Outlier tokens (framed in white) are far "
      + "longer than the others, and often serve the model as scratch space. Hidden, they show "
      + "their neighbours' median, and the scale is that of the rest."),
    raw: make("button", { type: "button", class: "link", text: "Raw map",
      title: "The values as they are: common scale, flat patches, outliers shown, opaque.",
      onclick: () => reader.choose({ own_scale: "false", smooth: "false", hide: "false",
        difference: "false", opacity: "1.00" }) }),
  }
  reader.look = parts
  return make("div", { class: "look" }, parts.opacity, parts.smooth, parts.hide, parts.own_scale, parts.raw)
}

function drawControls(reader) {
  const { at, header, controls, look } = reader
  controls.layer.show(at.layer, `${at.layer} of ${header.layers}`)
  controls.head.querySelector("select").value = at.head
  controls.map.show(at.map)
  controls.difference?.show(at.difference)
  const playing = Boolean(reader.film)
  controls.play.textContent = playing ? "❚❚" : "►"
  controls.play.setAttribute("aria-label", playing ? "Stop" : "Play through the layers")
  look.opacity.show(at.opacity, `${Math.round(100 * Number(at.opacity))}%`)
  for (const name of ["own_scale", "smooth", "hide"]) look[name].show(at[name])
}

function play(reader) {
  if (reader.film) return stop(reader)
  const last = reader.header.layers
  reader.film = setInterval(() => {
    const next = Number(reader.at.layer) + 1
    if (next >= last) stop(reader)
    if (next <= last) reader.choose({ layer: String(next) })
  }, STEP)
  reader.choose(Number(reader.at.layer) >= last ? { layer: "0" } : {})
}

function stop(reader) {
  clearInterval(reader.film)
  reader.film = null
  drawControls(reader)
  rest(reader)
}

const TAKEN = "input, textarea, select, [contenteditable], [role=slider], [role=combobox], "
  + "[role=listbox], [role=menu], [role=tab], [role=radio], [role=grid], [role=dialog], "
  + "[data-testid=stDataFrame], [data-testid=stPopoverBody]"

// Arrow keys move layers (left, right) and heads (up, down), wherever nothing else wants them.
function pressed(reader, event) {
  const { header, at } = reader
  const target = event.composedPath()[0]
  const step = { ArrowLeft: ["layer", -1], ArrowRight: ["layer", 1], ArrowUp: ["head", -1],
    ArrowDown: ["head", 1] }[event.key]
  if (event.altKey || event.ctrlKey || event.metaKey) return // the browser's, such as its zoom
  if (target === reader.maps?.canvas && "+-".includes(event.key)) return moveBox(reader, event.key)
  if (!step) return
  const own = target.classList?.contains("layers") && step[0] === "head"
  if (!own && target.closest?.(TAKEN)) return
  event.preventDefault()
  if (event.shiftKey) return moveBox(reader, event.key)
  if (step[0] === "layer") {
    const layer = Math.min(Math.max(Number(at.layer) + step[1], 0), header.layers)
    return reader.choose({ layer: String(layer) })
  }
  const head = (at.head === "mean" ? -1 : Number(at.head)) + step[1]
  reader.choose({ head: head < 0 ? "mean" : String(Math.min(head, header.heads - 1)) })
}
