// The caption of every layer, a row each. Captions are text, never markup.

const BARS = { grounded: "grounded", sure: "sure", changed: "changed" }
const MANY = 2 // other pictures: one may show the same

function buildLadder(reader) {
  const { header } = reader
  const options = [["previous", "the layer below"], ["final", "the last layer"]]
  if (header.compared) options.push(["other", header.compared])
  const parts = { list: make("div", { class: "ladder", role: "list" }), groups: new Map(),
    menu: segments("Words compared with", "against", options, reader),
    fold: check("Fold like captions", "fold", reader) }
  const key = make("div", { class: "key" }, ...Object.entries(BARS).map(([name, label]) =>
    make("span", { title: header.bars[name] }, make("i", { class: name }), label)))
  reader.ladder = parts
  return make("section", { class: "captions", "aria-label": "Captions of all layers" }, parts.menu,
    make("div", { class: "spread" }, key, parts.fold), parts.list, buildWords(reader))
}

// "First appears at layer": the words of the last caption, each a way to its layer.
function buildWords(reader) {
  const buttons = reader.header.words.map(({ word, first, stays }) => {
    const later = stays === first ? "" : `, for good from ${stays}`
    return make("button", { type: "button", class: "word", title: `“${word}” first appears at layer ${
      first}${later}`, onclick: () => reader.choose({ layer: String(first) }) },
    word, make("b", { text: first }), stays === first ? "" : make("span", { text: `, stays ${stays}` }))
  })
  return make("div", { class: "words", hidden: buttons.length ? null : "" },
    make("span", { class: "small", text: "First appears at layer" }), ...buttons)
}

function drawLadder(reader, before) {
  const { at, ladder } = reader
  ladder.menu.show(at.against)
  ladder.fold.show(at.fold)
  if (!before || before.against !== at.against || before.fold !== at.fold) fillLadder(reader)
  else if (before.layer === at.layer && before.word === at.word) return
  const [old, now] = [ladder.chosen, ladder.groups.get(at.layer)]
  ladder.chosen = now
  if (old && old !== now) fillRow(reader, old)
  if (now) fillRow(reader, now)
  showChosen(reader)
}

function fillLadder(reader) {
  const { at, header, ladder } = reader
  const folded = at.fold === "true"
  const groups = new Map() // of the first layer -> its button and rows
  ladder.groups = new Map() // of every layer
  ladder.chosen = null
  for (const row of header.rows) {
    const first = folded ? row.fold : row.layer
    if (!groups.has(first)) groups.set(first, { button: make("button", { type: "button",
      onclick: (event) => reader.choose(placeOf(event)) }),
    rows: [] })
    groups.get(first).rows.push(row)
    ladder.groups.set(String(row.layer), groups.get(first))
  }
  for (const group of groups.values()) fillRow(reader, group)
  ladder.list.replaceChildren(...Array.from(groups.values(), ({ button, rows }) =>
    make("div", { role: "listitem" }, ...marksOf(reader, rows), button)))
}

function placeOf({ currentTarget, target }) {
  const { word } = target.dataset
  return { layer: currentTarget.dataset.layer, ...(word ? { word } : {}) }
}

// Where this picture's captions settle and become its own: a line above the row of its layer.
function marksOf({ header }, rows) {
  return header.marks.filter(({ layer }) => rows.some((row) => row.layer === layer))
    .map(({ layer, text, detail }) => make("div", { class: "landmark", title: detail },
      make("span", { text: `${text} at layer ${layer}` })))
}

// A row of like captions shows that of the chosen layer, if it is among them, else the first.
function fillRow(reader, { button, rows }) {
  const [first, last] = [rows[0], rows[rows.length - 1]]
  const chosen = rows.find(({ layer }) => String(layer) === reader.at.layer)
  const row = chosen ?? first
  const range = first === last ? String(first.layer) : `${first.layer}–${last.layer}`
  const place = row === first ? range : `${range} · ${row.layer}`
  const same = piecesOf(reader, row).every(([change]) => change === "kept")
  button.className = `row${same ? " same" : ""}${row.degenerate ? " degenerate" : ""}`
  button.dataset.layer = row.layer
  button.title = row.degenerate ? "This caption repeats itself, or has no words." : ""
  button.setAttribute("aria-current", String(Boolean(chosen)))
  button.setAttribute("aria-label", `Layer ${place}: ${row.text}${
    row.shared >= MANY ? `, ${sharedBy(row)}` : ""}. ${barWords(row)}`)
  button.replaceChildren(make("span", { class: "layer", text: place }),
    captionOf(reader, row, rows), barsOf(row))
}

function piecesOf({ at }, row) {
  return row.pieces[at.against] ?? [["kept", row.text]]
}

function captionOf(reader, row, rows) {
  const caption = make("span", { class: "caption" })
  for (const [change, text] of piecesOf(reader, row)) {
    caption.append(make({ gained: "ins", lost: "del", kept: "span" }[change],
      { class: change }, ...(change === "lost" ? [text] : wordsOf(reader, row, text))), " ")
  }
  if (!row.text.trim()) caption.append(make("span", { class: "empty", text: "(no words)" }))
  if (row.shared >= MANY) caption.append(make("span", { class: "badge", text: sharedBy(row),
    title: sharing(reader, row) }), " ")
  const wordings = new Set(rows.map(({ text }) => text)).size
  if (wordings > 1) caption.append(make("span", { class: "badge", text: `${wordings} wordings`,
    title: "These layers name the same things in other small words. Choose one to read its own." }))
  return caption
}

// A text whose words that have maps can be clicked: the row then takes the word along.
function wordsOf({ at, header }, row, text) {
  const followed = header.followed[row.layer]
  if (!followed) return [text]
  return text.split(/([\p{L}\p{N}]+)/u).filter((part) => part).map((part) => {
    const id = followed[part.toLowerCase()]
    return id ? make("span", { class: `follow${at.word === id ? " chosen" : ""}`, "data-word": id,
      title: `Which patches carry “${part}”?`, text: part }) : part
  })
}

function barsOf(row) {
  return make("span", { class: "bars", "aria-hidden": "true", title: barWords(row) },
    ...Object.keys(BARS).map((name) => {
      const bar = make("i", { class: row.bars[name] === null ? "unknown" : name })
      bar.style.width = `${100 * Math.min(Math.max(row.bars[name] ?? 0, 0), 1)}%`
      return make("span", {}, bar)
    }))
}

function barWords(row) {
  return Object.entries(BARS).map(([name, label]) =>
    `${label} ${row.bars[name] === null ? "unknown" : figures(row.bars[name])}`).join(", ")
}

function sharedBy({ shared }) {
  return `shared by ${shared} others`
}

function sharing(reader, row) {
  const share = reader.header.unique[row.layer]
  return `At layer ${row.layer} ${row.shared} other pictures have this caption, letter for letter.`
    + (share === undefined ? ""
    : ` ${Math.round(100 * share)}% of the layer's captions are their picture's alone.`)
}

// The list alone scrolls: the page stays where it is.
function showChosen({ ladder: { list, chosen } }) {
  if (!chosen) return
  const { offsetTop: top, offsetHeight: high } = chosen.button // within the list
  if (top < list.scrollTop || top + high > list.scrollTop + list.clientHeight) {
    list.scrollTop = top - list.clientHeight / 2
  }
}
