// Every head of every layer as a cell, the mean over heads set apart at the left.

const [LEFT, TOP, WIDE] = [24, 18, 268]

function buildMatrix(reader) {
  const { header } = reader
  const cell = { w: Math.min(26, (WIDE - LEFT) / (header.heads + 1.5)),
    h: Math.min(26, Math.max(9, 430 / header.layers)) }
  const size = { w: LEFT + cell.w * (header.heads + 1.5), h: TOP + cell.h * header.layers + 2 }
  const svg = drawn("svg", { viewBox: `0 0 ${size.w} ${size.h}`, class: "matrix", role: "img" })
  svg.style.maxWidth = `${size.w * 1.1}px`
  const parts = { svg, cell, rects: [], lookers: buildLookers(reader), bar: make("div"), value: make("div", { class: "small value" }),
    meaning: make("div", { class: "small" }), peak: make("div", { class: "small" }),
    chosen: drawn("rect", { class: "chosen", width: cell.w, height: cell.h, rx: 2 }) }
  const every = Math.ceil(9 / cell.h)
  for (let layer = 1; layer <= header.layers; layer++) {
    for (let column = 0; column <= header.heads; column++) {
      const rect = drawn("rect", { x: cellX(cell, column - 1), y: TOP + (layer - 1) * cell.h,
        width: cell.w - 1, height: cell.h - 1, rx: 1.5, "data-layer": layer,
        "data-head": column ? column - 1 : "mean" })
      parts.rects.push(rect)
      svg.append(rect)
    }
    if ((layer - 1) % every === 0) svg.append(drawn("text", { x: LEFT - 5,
      y: TOP + (layer - 0.5) * cell.h + 3, "text-anchor": "end" }, layer))
  }
  for (let head = -1; head < header.heads; head++) {
    const narrow = head < 0 && cell.w < 20 // then its name ends with the column
    svg.append(drawn("text", { x: cellX(cell, head) + (narrow ? cell.w : cell.w / 2 - 0.5),
      y: TOP - 6, "text-anchor": narrow ? "end" : "middle" }, head < 0 ? "mean" : head))
  }
  svg.append(parts.chosen)
  svg.onclick = (event) => {
    const { layer, head } = event.target.dataset
    if (layer) reader.choose({ layer, head })
  }
  svg.onmousemove = (event) => drawCellValue(reader, event.target.dataset)
  svg.onmouseleave = () => drawCellValue(reader, {})
  reader.matrix = parts
  const menu = select("Heads by", header.metrics.map((metric) => [metric.id, metric.label]),
    reader.at.cells, (cells) => reader.choose({ cells }))
  parts.menu = menu.querySelector("select")
  return make("section", { class: "heads", "aria-label": "Heads" }, menu, svg, parts.value, parts.bar,
    parts.lookers, parts.meaning, parts.peak)
}

function cellX(cell, head) {
  return LEFT + (head < 0 ? 0 : (head + 1.5) * cell.w)
}

function drawMatrix(reader, before) {
  const { at, matrix } = reader
  const moved = !before || before.patch !== at.patch || before.hide !== at.hide
  if (!before || before.cells !== at.cells || (moved && at.cells === BOX)) colourCells(reader)
  const layer = Number(at.layer)
  const head = at.head === "mean" ? -1 : Number(at.head)
  matrix.chosen.setAttribute("x", cellX(matrix.cell, head) - 0.5)
  matrix.chosen.setAttribute("y", TOP + (layer - 1) * matrix.cell.h - 0.5)
  matrix.chosen.style.display = layer ? "" : "none"
  drawCellValue(reader, {})
  drawLookers(reader, before)
  drawPeak(reader)
}

function measured(reader) {
  return reader.at.cells === BOX ? looks(reader) : reader.values(`heads.${reader.at.cells}`)
}

function withMeans(reader, own) {
  const { layers, heads } = reader.header
  const cells = new Float32Array(layers * (heads + 1))
  for (let layer = 0; layer < layers; layer++) {
    const row = own.subarray(layer * heads, (layer + 1) * heads)
    const there = row.filter(Number.isFinite)
    cells[layer * (heads + 1)] = there.length ? there.reduce((a, b) => a + b) / there.length : NaN
    cells.set(row, layer * (heads + 1) + 1)
  }
  return cells
}

function colourCells(reader) {
  const { at, header, matrix } = reader
  const metric = header.metrics.find(({ id }) => id === at.cells)
  const own = measured(reader)
  matrix.cells = withMeans(reader, own)
  const scale = matrixScale(own, metric.signed)
  const name = metric.signed ? "diverging" : "matrix"
  matrix.rects.forEach((rect, i) => {
    const there = Number.isFinite(matrix.cells[i])
    rect.setAttribute("fill", there
      ? `rgb(${colourOf(matrix.cells[i], scale, reader.tables[name]).map(Math.round).join()})`
      : "transparent")
    rect.classList.toggle("none", !there)
  })
  matrix.menu.value = at.cells
  matrix.bar.replaceChildren(colourBar(header.palettes[name], scale,
    metric.unit ? `${metric.label} (${metric.unit})` : metric.label))
  matrix.meaning.textContent = metric.meaning
}

function drawCellValue(reader, { layer, head }) {
  const { at, header, matrix } = reader
  const row = Number(layer ?? at.layer)
  const column = layer === undefined ? at.head : head
  const i = (row - 1) * (header.heads + 1) + (column === "mean" ? 0 : Number(column) + 1)
  const where = `layer ${row}, ${column === "mean" ? "mean" : `head ${column}`}`
  matrix.value.textContent = row ? `${where}: ${figures(matrix.cells[i])}` : "\u00a0"
  if (layer === undefined) matrix.svg.setAttribute("aria-label",
    `Every head of every layer as a cell. Chosen: ${
      row ? matrix.value.textContent : "layer 0, which has no heads"}`)
}

function drawPeak(reader) {
  const { at, header, matrix } = reader
  if (!header.peak) return
  const { layer, head, why } = header.peak
  const here = at.layer === layer && at.head === head
  if (matrix.peak.dataset.here === String(here)) return
  matrix.peak.dataset.here = here
  const where = `layer ${layer}, head ${head}`
  matrix.peak.replaceChildren(here
    ? `This is the cell with the largest effect: ${where}. ${why}`
    : make("button", { type: "button", class: "link", text: `Largest effect: ${where}`,
      onclick: () => reader.choose({ layer, head }) }))
}
