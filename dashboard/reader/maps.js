// The map of one layer and head over the picture, and what one patch attends to.

const SIDE = 720 // pixels of the canvas; the page shows it at half of that, or less
const TALLEST = 1.25 // of a canvas's width
const FINE = 320 // pixels of a smooth map before it is enlarged

function buildMaps(reader) {
  const { header } = reader
  const [rows, columns] = header.grid
  const share = Math.min(1, TALLEST * columns / rows) // of the panel's width: tall ones are narrow
  const canvas = () => {
    const made = make("canvas", { width: Math.round(SIDE * share),
      height: Math.round(SIDE * share * rows / columns) })
    made.style.width = `${100 * share}%`
    return made
  }
  const parts = {
    canvas: canvas(), title: make("div", { class: "map-title" }), value: make("div",
      { class: "small value" }), bar: make("div"), note: make("div", { class: "note" }),
    verdict: make("div", { class: "small verdict" }),
    about: make("div", { class: "small", text: header.tower.about }),
    hint: make("div", { class: "small", text: `Drag a box or click a patch: which heads look there${
      header.tokens ? ", and what does it attend to" : ""}?` }),
    clear: make("div", { class: "small" }, make("button", { type: "button", class: "link",
      text: "Clear the box", onclick: () => chooseBox(reader, "none") }),
    " · Shift and arrow keys move it, + and - size it."),
    other: canvas(), otherTitle: make("div", { class: "map-title" }), otherBar: make("div") }
  parts.patch = make("div", { class: "patch" }, parts.otherTitle, parts.other, parts.otherBar)
  parts.canvas.setAttribute("role", "img")
  parts.other.setAttribute("role", "img")
  parts.canvas.classList.add("clickable")
  parts.canvas.tabIndex = 0
  listenForBoxes(reader, parts.canvas)
  reader.maps = parts
  return make("section", { class: "maps", "aria-label": "Map over the picture" },
    make("div", {}, parts.title, parts.canvas, parts.value, parts.bar, parts.note, parts.verdict,
      parts.about, parts.hint, parts.clear),
    parts.patch)
}

function patchAt(reader, event) {
  const [rows, columns] = reader.header.grid
  const box = reader.maps.canvas.getBoundingClientRect()
  const place = (at, from, size, n) => Math.min(Math.max(Math.floor((at - from) / size * n), 0), n - 1)
  return place(event.clientY, box.top, box.height, rows) * columns
    + place(event.clientX, box.left, box.width, columns)
}

// Raw values of the chosen map, null at layer 0.
function chosenMap(reader) {
  const { at, header } = reader
  const layer = Number(at.layer)
  if (layer === 0) return null
  const shape = header.arrays[at.map].shape
  const head = at.head === "mean" ? null : Number(at.head)
  const first = header.first_patch
  const values = patches(reader.values(at.map), shape, layer, head, first)
  if (at.difference !== "true") return values
  const other = patches(reader.values(`other.${at.map}`), shape, layer, head, first)
  return values.map((value, i) => value - other[i])
}

function marks(reader) {
  const n = reader.header.grid[0] * reader.header.grid[1]
  const layer = Number(reader.at.layer)
  return reader.values("marked").subarray(layer * n, (layer + 1) * n)
}

function drawMaps(reader) {
  const { at, header, maps } = reader
  reader.map = chosenMap(reader)
  const where = at.head === "mean" ? "mean over heads" : `head ${at.head}`
  const what = header.tower[at.map]
  const than = at.difference === "true" ? `, minus ${header.compared}` : ""
  maps.title.textContent = reader.map ? `${what}${than} · layer ${at.layer}, ${where}`
    : "Layer 0: the patches before the first block"
  maps.bar.replaceChildren()
  maps.note.textContent = reader.map ? "" : "Z^0, the state before the first block, has a caption and no attention yet."
  if (reader.map) drawScaled(reader, what)
  else if (reader.picture) paint(maps.canvas, reader.picture, null)
  maps.verdict.textContent = reader.map && at.difference !== "true" ? verdictOf(reader) : ""
  maps.canvas.setAttribute("aria-label", describe(reader, maps.title.textContent))
  maps.hint.hidden = at.patch !== "none"
  maps.clear.hidden = at.patch === "none"
  drawValue(reader)
  drawPatch(reader)
}

// Whether this kind of map was found to show where the model looked, in one line.
function verdictOf({ at, header }) {
  const of = header.verdicts[at.head === "mean" ? at.map : "single"] ?? {}
  return of[at.layer] ?? of[""] ?? ""
}

function drawScaled(reader, what) {
  const { at, header, maps } = reader
  const marked = marks(reader)
  const columns = header.grid[1]
  const shown = at.hide === "true" ? withoutMarked(reader.map, marked, columns) : reader.map
  const scale = mapScale(reader, shown)
  const palette = header.palettes[scale.apart ? "diverging" : "map"]
  paint(maps.canvas, reader.picture, {
    values: shown, columns, scale, colours: reader.tables[scale.apart ? "diverging" : "map"],
    opacity: Number(at.opacity), smooth: at.smooth === "true", marked,
    box: boxOf(reader) })
  const unit = at.map === "attention" ? "share" : "length"
  maps.bar.replaceChildren(colourBar(palette, scale, `${what} (${
    at.difference === "true" ? `difference of ${unit}s` : unit})`))
  maps.note.textContent = at.own_scale === "true"
    ? "Own scale: colours do not compare with those of other maps." : ""
}

function paint(canvas, picture, map) {
  const context = canvas.getContext("2d")
  const { width, height } = canvas
  context.globalAlpha = 1
  context.clearRect(0, 0, width, height)
  context.imageSmoothingEnabled = true
  context.imageSmoothingQuality = "high"
  if (picture) context.drawImage(picture, 0, 0, width, height)
  if (!map) return
  context.imageSmoothingEnabled = false
  context.globalAlpha = map.opacity
  context.drawImage(coloured(map), 0, 0, width, height)
  context.globalAlpha = 1
  const side = width / map.columns
  map.marked.forEach((is, i) => {
    const [row, column] = [Math.floor(i / map.columns), i % map.columns]
    const patch = { top: row, bottom: row, left: column, right: column }
    if (is) frame(context, patch, side, "#ffffff", 3)
  })
  if (map.box) frame(context, map.box, side, "#56b4e9", 6)
}

function frame(context, { top, left, bottom, right }, side, colour, width) {
  const [high, wide] = [bottom - top + 1, right - left + 1].map((n) => n * side - 6)
  for (const [style, line] of [["#000000", width + 3], [colour, width]]) {
    context.strokeStyle = style
    context.lineWidth = line
    context.strokeRect(left * side + 3, top * side + 3, wide, high)
  }
}

// One pixel a patch; if smooth, values (not colours) are interpolated between patches.
function coloured({ values, columns, scale, colours, smooth }) {
  const rows = values.length / columns
  const step = smooth ? Math.ceil(FINE / Math.max(rows, columns)) : 1
  const image = new ImageData(columns * step, rows * step)
  for (let y = 0; y < rows * step; y++) {
    for (let x = 0; x < columns * step; x++) {
      const value = smooth ? between(values, rows, columns, (y + 0.5) / step - 0.5,
        (x + 0.5) / step - 0.5) : values[y * columns + x]
      const place = 4 * (y * image.width + x)
      const colour = colourOf(value, scale, colours)
      for (let c = 0; c < 3; c++) image.data[place + c] = colour[c]
      image.data[place + 3] = 255
    }
  }
  const canvas = make("canvas", { width: image.width, height: image.height })
  canvas.getContext("2d").putImageData(image, 0, 0)
  return canvas
}

function between(values, rows, columns, y, x) {
  const [top, left] = [Math.floor(y), Math.floor(x)]
  const at = (row, column) => values[Math.min(Math.max(row, 0), rows - 1) * columns
    + Math.min(Math.max(column, 0), columns - 1)]
  const line = (row) => at(row, left) + (at(row, left + 1) - at(row, left)) * (x - left)
  return line(top) + (line(top + 1) - line(top)) * (y - top)
}

function place(reader, i) {
  const columns = reader.header.grid[1]
  return `row ${Math.floor(i / columns) + 1}, column ${(i % columns) + 1}`
}

// The patch of the largest value; of a difference, the largest either way.
function largest({ at, map }) {
  const sizes = at.difference === "true" ? map.map(Math.abs) : map
  return sizes.indexOf(extent(sizes)[1])
}

function describe(reader, title) {
  if (!reader.map) return `${title}. The picture as the model saw it.`
  const top = largest(reader)
  return `${title}. Largest at ${place(reader, top)}: ${figures(reader.map[top])}.`
}

function drawValue(reader) {
  const { at, header, maps, map } = reader
  if (!map) { maps.value.textContent = "\u00a0"; return }
  const i = reader.over ?? largest(reader)
  const outlier = marks(reader)[i] ? (at.hide === "true"
    ? " · outlier token, drawn as its neighbours' median" : " · outlier token") : ""
  maps.value.textContent = `${reader.over === null ? "largest: " : ""}${figures(map[i])} at ${
    place(reader, i)} (token ${header.first_patch + i})${outlier}`
}

function drawPatch(reader) {
  const { at, header, maps } = reader
  const asked = header.tokens && at.patch !== "none"
  maps.patch.hidden = !asked
  reader.root.querySelector(".panels")?.classList.toggle("patched", Boolean(asked))
  if (!asked) return
  const come = header.patch === at.patch && Number(at.layer) > 0
  const box = boxOf(reader, at.patch) // while another is dragged, the values are still this one's
  maps.otherTitle.textContent = `What ${boxName(box)} ${
    box.top === box.bottom && box.left === box.right ? "attends" : "attend"} to, mean over heads`
  maps.otherBar.replaceChildren()
  if (!come) return paint(maps.other, reader.picture, null)
  const tokens = header.arrays.patch.shape[1]
  const from = (Number(at.layer) - 1) * tokens
  const values = reader.values("patch").subarray(from + header.first_patch, from + tokens)
  const scale = { low: 0, high: extent(values)[1] || 1 }
  paint(maps.other, reader.picture, { values, columns: header.grid[1], scale,
    colours: reader.tables.map, opacity: Number(at.opacity), smooth: at.smooth === "true",
    marked: marks(reader), box })
  maps.otherBar.replaceChildren(colourBar(header.palettes.map, scale, "Attention of the patch (share)"))
  maps.other.setAttribute("aria-label", `${maps.otherTitle.textContent}, layer ${at.layer}`)
}
