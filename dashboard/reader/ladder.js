// The caption of every layer, a row each. Captions are text, never markup.

const BARS = { grounded: "grounded", fluent: "fluent", changed: "changed" }

function buildLadder(reader) {
  const { header } = reader
  const options = [["previous", "the layer below"], ["final", "the last layer"]]
  if (header.compared) options.push(["other", header.compared])
  const parts = { list: make("div", { class: "ladder", role: "list" }), rows: new Map(),
    menu: segments("Words compared with", "against", options, reader),
    fold: check("Fold like captions", "fold", reader) }
  const key = make("div", { class: "key" }, ...Object.entries(BARS).map(([name, label]) =>
    make("span", { title: header.bars[name] }, make("i", { class: name }), label)))
  reader.ladder = parts
  return make("section", { class: "story", "aria-label": "Captions of all layers" }, parts.menu,
    make("div", { class: "spread" }, key, parts.fold), parts.list, buildWords(reader))
}

// "First said at layer": the words of the last caption, each a way to its layer.
function buildWords(reader) {
  const said = reader.header.words.map(({ word, first, stays }) => {
    const later = stays === first ? "" : `, for good from ${stays}`
    return make("button", { type: "button", class: "word", title: `“${word}” is first said at layer ${
      first}${later}`, onclick: () => reader.choose({ layer: String(first) }) },
    word, make("b", { text: first }), stays === first ? "" : make("span", { text: `, stays ${stays}` }))
  })
  return make("div", { class: "words", hidden: said.length ? null : "" },
    make("span", { class: "small", text: "First appears at layer" }), ...said)
}

function drawLadder(reader, before) {
  const { at, ladder } = reader
  ladder.menu.show(at.against)
  ladder.fold.show(at.fold)
  if (!before || before.against !== at.against || before.fold !== at.fold) fillLadder(reader)
  const row = ladder.rows.get(at.layer)
  if (ladder.chosen !== row) {
    ladder.chosen?.setAttribute("aria-current", "false")
    row?.setAttribute("aria-current", "true")
    ladder.chosen = row
    if (row) intoView(ladder.list, row)
  }
  ladder.list.querySelectorAll(".range").forEach((label) => {
    const inside = ladder.rows.get(at.layer) === label.closest(".row")
    label.textContent = inside && at.layer !== label.dataset.first
      ? `${label.dataset.range} · ${at.layer}` : label.dataset.range
  })
}

function fillLadder(reader) {
  const { at, header, ladder } = reader
  ladder.rows.clear()
  const folded = at.fold === "true"
  const groups = new Map()
  for (const row of header.rows) {
    const key = folded ? row.fold : row.layer
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  ladder.list.replaceChildren(...Array.from(groups.values(), (group) => {
    const button = ladderRow(reader, group)
    for (const { layer } of group) ladder.rows.set(String(layer), button)
    return make("div", { role: "listitem" }, button)
  }))
  ladder.chosen = null
}

function ladderRow(reader, group) {
  const [row, last] = [group[0], group[group.length - 1]]
  const pieces = row.pieces[reader.at.against] ?? [["kept", row.text]]
  const same = pieces.every(([change]) => change === "kept")
  const range = row === last ? String(row.layer) : `${row.layer}–${last.layer}`
  const caption = make("span", { class: "caption" })
  for (const [change, text] of pieces) {
    caption.append(make({ gained: "ins", lost: "del", kept: "span" }[change],
      { class: change, text }), " ")
  }
  if (!row.text.trim()) caption.append(make("span", { class: "empty", text: "(no words)" }))
  if (row.shared) caption.append(make("span", { class: "badge", text: "shared",
    title: sharing(reader, row.layer) }))
  const bars = make("span", { class: "bars", "aria-hidden": "true", title: barWords(row) },
    ...Object.keys(BARS).map((name) => {
      const bar = make("i", { class: row.bars[name] === null ? "unknown" : name })
      bar.style.width = `${100 * Math.min(Math.max(row.bars[name] ?? 0, 0), 1)}%`
      return make("span", {}, bar)
    }))
  return make("button", { type: "button", "data-layer": row.layer,
    class: `row${same ? " same" : ""}${row.degenerate ? " degenerate" : ""}`,
    "aria-current": "false", "aria-label": `Layer ${range}: ${row.text}${
      row.shared ? ", shared with other pictures" : ""}. ${barWords(row)}`,
    title: row.degenerate ? "This caption repeats itself, or says nothing." : null,
    onclick: () => reader.choose({ layer: String(row.layer) }) },
  make("span", { class: "layer range", "data-first": row.layer, "data-range": range, text: range }),
  caption, bars)
}

function barWords(row) {
  return Object.entries(BARS).map(([name, label]) =>
    `${label} ${row.bars[name] === null ? "unknown" : figures(row.bars[name])}`).join(", ")
}

function sharing(reader, layer) {
  const share = reader.header.unique[layer]
  return "Another picture has this caption, too." + (share === undefined ? ""
    : ` At this layer ${Math.round(100 * share)}% of captions are their picture's alone.`)
}

// The list alone scrolls: the page stays where it is.
function intoView(list, row) {
  const [top, bottom] = [row.offsetTop - list.offsetTop, row.offsetTop - list.offsetTop + row.offsetHeight]
  if (top < list.scrollTop || bottom > list.scrollTop + list.clientHeight) {
    list.scrollTop = top - list.clientHeight / 2
  }
}
