// A box of patches on the picture, and which heads look at it.

const BOX = "attn_to_box" // the measure of heads that is made here
const RANKED = 6 // heads that are listed

// A box is "34" (one patch) or "34-67" (the patches at two corners); null if there is none.
function boxOf({ at, dragged, header }, patch = dragged ?? at.patch) {
  if (patch === "none") return null
  const columns = header.grid[1]
  const [first, last = first] = patch.split("-").map(Number)
  return { top: Math.floor(first / columns), left: first % columns,
    bottom: Math.floor(last / columns), right: last % columns }
}

function boxText(box, columns) {
  const [first, last] = [box.top * columns + box.left, box.bottom * columns + box.right]
  return first === last ? String(first) : `${first}-${last}`
}

// The box with two patches at opposite corners.
function spanned(reader, one, other) {
  const columns = reader.header.grid[1]
  const [rows, across] = [[one, other].map((i) => Math.floor(i / columns)),
    [one, other].map((i) => i % columns)]
  return boxText({ top: Math.min(...rows), bottom: Math.max(...rows),
    left: Math.min(...across), right: Math.max(...across) }, columns)
}

// With the first box the matrix shows who looks at it; without one, what it showed at first.
function chooseBox(reader, patch) {
  const { at, header } = reader
  if (patch === at.patch) return
  const cells = patch === "none" && at.cells === BOX ? header.metrics[0].id
    : at.patch === "none" ? BOX : at.cells
  reader.choose({ patch, cells })
}

// A drag draws its box, and chooses it at the end: what the choice opens moves the picture.
function listenForBoxes(reader, canvas) {
  let from = null // the patch where a drag began
  canvas.onpointerdown = (event) => {
    if (event.button !== 0) return
    canvas.setPointerCapture(event.pointerId)
    from = reader.over = patchAt(reader, event)
  }
  canvas.onpointermove = (event) => {
    const over = patchAt(reader, event)
    const moved = from !== null && over !== reader.over
    reader.over = over
    if (moved) reader.dragged = spanned(reader, from, over)
    if (moved) drawMaps(reader)
    else drawValue(reader)
  }
  const ended = () => {
    const chosen = reader.dragged ?? String(from)
    from = reader.dragged = null
    return chosen
  }
  canvas.onpointerup = () => {
    if (from === null) return
    const chosen = ended()
    chooseBox(reader, chosen === reader.at.patch ? "none" : chosen) // a second click takes it away
    drawMaps(reader)
  }
  canvas.onpointercancel = () => { ended(); drawMaps(reader) } // a finger scrolls the page
  canvas.onpointerleave = () => { reader.over = null; drawValue(reader) }
}

// Shift and arrow keys move the box, + and - size it; the first makes one in the middle.
function moveBox(reader, key) {
  const [rows, columns] = reader.header.grid
  const held = boxOf(reader)
  if (!held) return chooseBox(reader, String(Math.floor(rows / 2) * columns + Math.floor(columns / 2)))
  const [dy, dx] = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[key]
    ?? [0, 0]
  const more = { "+": 1, "-": -1 }[key] ?? 0
  const box = { top: held.top + dy, bottom: held.bottom + dy + more, left: held.left + dx,
    right: held.right + dx + more }
  const fits = box.top >= 0 && box.left >= 0 && box.bottom < rows && box.right < columns
    && box.top <= box.bottom && box.left <= box.right
  if (fits) chooseBox(reader, boxText(box, columns))
}

// The share of every head's attention (the CLS token's, or without one all patches') that lands in
// the box, or without a box on any patch; outlier tokens are left out where they are hidden. [layers * heads]
function looks(reader) {
  const { at, header } = reader
  const { layers, heads, grid: [rows, columns] } = header
  const box = boxOf(reader) ?? { top: 0, left: 0, bottom: rows - 1, right: columns - 1 }
  const [attention, marked] = [reader.values("attention"), reader.values("marked")]
  const [n, first] = [rows * columns, header.first_patch]
  const shares = new Float32Array(layers * heads)
  for (let cell = 0; cell < shares.length; cell++) {
    const layer = Math.floor(cell / heads) + 1
    for (let row = box.top; row <= box.bottom; row++) {
      for (let i = row * columns + box.left; i <= row * columns + box.right; i++) {
        if (at.hide === "true" && marked[layer * n + i]) continue
        shares[cell] += attention[cell * (n + first) + first + i]
      }
    }
  }
  return shares
}

// "row 3, column 2", or "rows 3–5, columns 2–4".
function boxName({ top, left, bottom, right }) {
  const span = (word, from, to) => from === to ? `${word} ${from + 1}` : `${word}s ${from + 1}–${to + 1}`
  return `${span("row", top, bottom)}, ${span("column", left, right)}`
}

function buildLookers(reader) {
  const list = make("ol", { class: "lookers" })
  const even = make("div", { class: "small" })
  const parts = make("div", { hidden: "" }, make("div", { class: "ranked-title",
    text: reader.header.tower.lookers }), list, even)
  return Object.assign(parts, { list, even })
}

function drawLookers(reader, before) {
  const { at, header, matrix: { lookers } } = reader
  const box = boxOf(reader)
  lookers.hidden = !box
  if (!box) return
  if (!before || before.patch !== at.patch || before.hide !== at.hide || !lookers.list.children.length) {
    fillLookers(reader, box)
  }
  for (const button of lookers.list.querySelectorAll("button")) {
    const { layer, head } = button.dataset
    button.setAttribute("aria-pressed", String(layer === at.layer && head === at.head))
  }
}

function fillLookers(reader, box) {
  const { header, matrix: { lookers } } = reader
  const shares = looks(reader)
  const percent = (share) => `${figures(100 * share)}%`
  const order = Array.from(shares.keys()).sort((a, b) => shares[b] - shares[a]).slice(0, RANKED)
  lookers.list.replaceChildren(...order.map((cell) => {
    const [layer, head] = [Math.floor(cell / header.heads) + 1, cell % header.heads]
    const bar = make("i")
    bar.style.width = `${100 * Math.min(shares[cell], 1)}%`
    return make("li", {}, make("button", { type: "button", "data-layer": layer, "data-head": head,
      onclick: () => reader.choose({ layer: String(layer), head: String(head) }) },
    make("span", { text: `layer ${layer}, head ${head}` }),
    make("b", { text: percent(shares[cell]) }), bar))
  }))
  const [rows, columns] = header.grid
  const size = (box.bottom - box.top + 1) * (box.right - box.left + 1)
  lookers.even.textContent = `${header.tower.share} in ${boxName(box)}. `
    + `Attention spread evenly would give ${percent(size / (rows * columns))}.`
}
